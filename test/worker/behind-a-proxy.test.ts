import { describe, expect, it } from 'vitest';
import { newAccount, newEmail, password } from '../support/worker/client.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { createUploader, declarationOf, declare, pdf, put } from '../support/worker/uploads.ts';

/** The Worker sees http://localhost:3002, and browsers see this. */
const seen = 'https://auth.test';
const variables = { API_URL: seen, APP_URL: seen };
const client = createUploader(variables);
const withoutApiUrl = createUploader({ APP_URL: seen });

const logIn = (by: typeof client, headers: Record<string, string>, form = {}) =>
  by('POST', '/account/login', { form: { email: newEmail(), password, ...form }, headers });

describe('behind a proxy that ends TLS', () => {
  it('a form of a page at API_URL passes, and so does one at the origin that the Worker sees', async () => {
    for (const origin of [seen, 'http://localhost:3002']) {
      const response = await logIn(client, { Origin: origin, 'Sec-Fetch-Site': 'same-origin' });
      expect([response.status, origin]).toEqual([401, origin]);
    }
  });

  it.each([
    'http://auth.test',
    'https://auth.test:8443',
    'https://auth.test.evil.example',
    'https://evil-auth.test',
    'https://sub.auth.test',
    'https://evil.example',
    'null',
    // Proves ASVS 3.5.1.
  ])('a form from %s is refused, for it is neither of the two', async (origin) => {
    for (const headers of [
      { Origin: origin },
      { Origin: origin, 'Sec-Fetch-Site': 'same-origin' },
      {
        Origin: origin,
        Host: 'evil.example',
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-Proto': 'https',
      },
    ])
      expect((await logIn(client, headers)).status).toBe(403);
    await expectProblem(
      await client('POST', '/auth/logout', { headers: { Origin: origin } }),
      403,
      'csrf_rejected',
    );
  });

  it('without API_URL its origin is a foreign one', async () => {
    expect((await logIn(withoutApiUrl, { Origin: seen })).status).toBe(403);
  });

  it('an upload URL starts with API_URL, takes the bytes, and ignores what a request calls the host', async () => {
    const { access_token: bearer } = await newAccount(client);
    const ticket = await declare(client, bearer, pdf);
    expect(ticket.upload.url).toMatch(new RegExp(`^${seen}/uploads/${ticket.id}/content\\?`));
    // The proxy passes it on to the Worker, which serves this machine only in a lenient environment.
    const url = ticket.upload.url.replace(seen, 'http://localhost:3002');
    expect((await put(client, { ...ticket, upload: { ...ticket.upload, url } })).status).toBe(200);

    const json = await declarationOf(pdf);
    const target = 'http://127.0.0.1:9999/uploads';
    const lied = await client('POST', target, {
      bearer,
      json,
      headers: { 'X-Forwarded-Host': 'evil.example' },
    });
    expect((await lied.json<{ upload: { url: string } }>()).upload.url).toMatch(/^https:\/\/auth\.test\//);
  });

  it('the pages of an APP_URL at the same origin lead to the account page', async () => {
    const html = await (await client('GET', '/reset-password')).text();
    expect(html).toContain('href="/account"');
    expect(html).not.toContain(seen);
    expect(await (await withoutApiUrl('GET', '/reset-password')).text()).toContain(`href="${seen}"`);
  });
});
