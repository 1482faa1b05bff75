import { env } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import { createClient, newEmail, password, silentQueue, type Tokens } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { consume } from '../support/worker/invocations.ts';
import { newMail } from '../support/worker/outbox.ts';

type Item = { id: string; to: string; subject: string; text: string; html: string; sent_at: string };

const client = createClient();
const readItems = async (): Promise<Item[]> => {
  const response = await client('GET', '/dev/mailbox', { headers: { Accept: 'application/json' } });
  return (await response.json<{ items: Item[] }>()).items;
};

const deliver = (...ids: string[]) => consume('itsor-mail', ids, env as unknown as Bindings);

describe('GET /dev/mailbox', () => {
  const at = (origin: string, variables = {}) =>
    createClient(variables)('GET', `${origin}/dev/mailbox`, { headers: { Accept: 'application/json' } });

  it.each(['http://evil.example:3002', 'http://localhost.evil.example', 'http://127.0.0.1.evil.example'])(
    'answers 503 at %s, because its DNS may lead anywhere',
    async (origin) => {
      const response = await at(origin);
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: 'misconfigured' });
    },
  );

  it.each(['http://localhost:3002', 'http://[::1]:3002', 'http://127.0.0.2', 'http://itsor.localhost'])(
    'answers at %s, which is this machine',
    async (origin) => expect((await at(origin)).status).toBe(200),
  );

  it('answers 503 at another host, although HOST names it', async () => {
    expect((await at('http://devbox.lan:3002', { HOST: 'devbox.lan' })).status).toBe(503);
  });

  it('lists the sent mails as JSON, newest first', async () => {
    const [first, second, unsent] = [
      await newMail(new Date()),
      await newMail(new Date()),
      await newMail(new Date()),
    ];
    await deliver(first.id);
    await deliver(second.id);
    const own = [first.id, second.id, unsent.id];
    const items = (await readItems()).filter(({ id }) => own.includes(id));
    expect(items.map(({ id, to }) => ({ id, to }))).toEqual([
      { id: second.id, to: second.recipient },
      { id: first.id, to: first.recipient },
    ]);
    for (const item of items) {
      expect(Object.keys(item).sort()).toEqual(['html', 'id', 'sent_at', 'subject', 'text', 'to']);
      expect(item.subject).toBe('Your password for localhost:3002 was changed');
      expect(item.html).toMatch(/^<!doctype html>/);
      expect(item.sent_at).toBe(new Date(item.sent_at).toISOString());
    }
  });

  it('shows the verification link, although the outbox row does not hold its token', async () => {
    const quiet = createClient({ MAIL_QUEUE: silentQueue });
    const email = newEmail();
    const signup = await quiet('POST', '/auth/signup', { json: { email, password } });
    const { access_token: bearer } = await signup.json<Tokens>();
    const [row] = await sql`select id from outbox where recipient = ${email}`;
    await deliver(row?.id);
    const mail = (await readItems()).find(({ to }) => to === email);
    const token = /http:\/\/localhost:3002\/verify-email\?token=(\S+)/.exec(mail?.text ?? '')?.[1];
    const response = await client('POST', '/auth/email/verify', { json: { token }, bearer });
    expect(response.status).toBe(204);
  });

  it('is a page without a script, with its own policy and clickable links', async () => {
    const { id, recipient } = await newMail(new Date());
    await deliver(id);
    const response = await client('GET', '/dev/mailbox', { headers: { Accept: 'text/html,*/*;q=0.8' } });
    expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
    const policy = response.headers.get('Content-Security-Policy');
    expect(policy).toMatch(/^default-src 'none'; style-src 'unsafe-inline';/);
    expect(policy).not.toContain('script-src');
    expect(response.headers.get('Refresh')).toBe('10');
    const html = await response.text();
    expect(html).toContain(recipient);
    expect(html).toContain('<a href="http://localhost:3002/account">');
    expect(html.replaceAll(/srcdoc="[^"]*"/g, '')).not.toMatch(/<script|<[^>]+\s(?:on\w+|style)=/);
    // The HTML part is in a frame that may open links elsewhere, and can do nothing else.
    const [, sandbox, content] = /<iframe [^>]*sandbox="([^"]*)" srcdoc="([^"]*)"/.exec(html) ?? [];
    expect(sandbox).toBe('allow-popups allow-popups-to-escape-sandbox');
    expect(content).toContain('&lt;base target=');
  });

  it('can be read for one address, and from a time on', async () => {
    const [first, second] = [await newMail(new Date()), await newMail(new Date())];
    await deliver(first.id, second.id);
    const read = async (query: Record<string, string>) => {
      const path = `/dev/mailbox?${new URLSearchParams(query)}`;
      const response = await client('GET', path, { headers: { Accept: 'application/json' } });
      return (await response.json<{ items: Item[] }>()).items;
    };
    const to = first.recipient;
    const [mail] = await read({ to });
    expect((await read({ to })).map(({ id }) => id)).toEqual([first.id]);
    expect(await read({ to, after: mail?.sent_at ?? '' })).toEqual([]);
    const earlier = new Date(Date.parse(mail?.sent_at ?? '') - 1).toISOString();
    expect(await read({ to, after: earlier })).toHaveLength(1);
    const html = await (await client('GET', `/dev/mailbox?to=${encodeURIComponent(to)}`)).text();
    expect(html).toContain('show all addresses');
    expect(html).not.toContain(second.recipient);
    expect((await client('GET', '/dev/mailbox?after=yesterday')).status).toBe(422);
  });

  it('escapes the contents of a mail', async () => {
    const { id } = await newMail(new Date(), {
      template: 'email_changed',
      details: { token_id: crypto.randomUUID(), new_email: '<img src=x>@example.com' },
    });
    await deliver(id);
    const html = await (await client('GET', '/dev/mailbox')).text();
    expect(html).toContain('&lt;img src=x&gt;@example.com');
    expect(html).not.toContain('<img');
  });

  it.each(['application/json', 'text/html'])('is never stored as %s', async (accept) => {
    const { headers } = await client('GET', '/dev/mailbox', { headers: { Accept: accept } });
    expect(headers.get('Cache-Control')).toBe('no-store');
  });

  it('is missing where mails are really sent', async () => {
    const real = createClient({
      EMAIL_PROVIDER: 'resend',
      RESEND_API_KEY: 're_1',
      FROM_EMAIL: 'no-reply@example.com',
    });
    const [response, unknown] = [await real('GET', '/dev/mailbox'), await real('GET', '/dev/nothing')];
    expect(response.status).toBe(404);
    const problem = async (answer: Response) => ({ ...(await answer.json<object>()), request_id: '' });
    expect(await problem(response)).toEqual(await problem(unknown));
  });

  it('is missing in a strict environment, whatever the configuration', async () => {
    const written = vi.spyOn(console, 'log').mockImplementation(() => {});
    const strict = createClient({ BACKEND_ENV: 'production', EMAIL_PROVIDER: 'capture' });
    const response = await strict('GET', '/dev/mailbox');
    written.mockRestore();
    expect(response.status).toBe(503);
    const { errors } = await response.json<{ errors: { pointer: string }[] }>();
    expect(errors).toContainEqual(expect.objectContaining({ pointer: '/EMAIL_PROVIDER' }));
  });
});
