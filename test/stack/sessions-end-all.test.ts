import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../support/node/program.ts';
import { type Launch, startStack } from '../support/node/stack.ts';

type Mail = { to: string; text: string };

const password = 'correct horse battery staple';

describe('npm run sessions:end-all', () => {
  let stack: Launch;
  beforeAll(async () => {
    stack = await startStack({ env: { RATE_LIMIT_MAX: '10000' } });
  });
  afterAll(() => stack?.stop());

  const send = (method: string, path: string, init: { json?: object; bearer?: string } = {}) =>
    fetch(stack.url + path, {
      method,
      headers: {
        ...(init.json && { 'Content-Type': 'application/json' }),
        ...(init.bearer && { Authorization: `Bearer ${init.bearer}` }),
      },
      ...(init.json && { body: JSON.stringify(init.json) }),
    });
  const logIn = async (email: string) => {
    const response = await send('POST', '/auth/token', {
      json: { email, password, scope: 'offline_access' },
    });
    return (await response.json()) as { access_token: string; refresh_token: string };
  };
  const signUp = async (name: string) => {
    const email = `${name}@example.com`;
    await send('POST', '/auth/signup', { json: { email, password } });
    return { email, ...(await logIn(email)) };
  };
  const endAll = (...args: string[]) =>
    runProgram('scripts/sessions-end-all.ts', args, { DATA_DIR: stack.dataDirectory });

  it('does nothing that nobody has confirmed, nor with an argument that it does not know', async () => {
    const { access_token } = await signUp('grace');
    expect(await endAll()).toMatchObject({ status: 1, output: expect.stringMatching(/give --yes/) });
    expect(await endAll('--force')).toMatchObject({ status: 1, output: expect.stringMatching(/--force/) });
    expect((await send('GET', '/auth/me', { bearer: access_token })).status).toBe(200);
  });

  it('ends every session on its very next request, access and refresh token alike, and no later one', async () => {
    const accounts = await Promise.all(['ada', 'alan', 'edsger'].map(signUp));
    const run = await endAll('--yes');
    expect(run).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^Every session in .* is over\.\n$/),
    });

    for (const { access_token, refresh_token } of accounts) {
      for (const path of ['/auth/me', '/auth/sessions', '/users/me/export', '/uploads']) {
        const answer = await send('GET', path, { bearer: access_token });
        expect([path, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
          path,
          401,
          'session_revoked',
        ]);
      }
      const refresh = await send('POST', '/auth/refresh', { json: { refresh_token } });
      expect(refresh.status).toBe(401);
    }

    // The leeway for clocks that differ.
    await sleep(5_200);
    const again = await logIn('ada@example.com');
    expect((await send('GET', '/auth/me', { bearer: again.access_token })).status).toBe(200);
    expect(
      (await send('POST', '/auth/refresh', { json: { refresh_token: again.refresh_token } })).status,
    ).toBe(200);
    const sessions = await send('GET', '/auth/sessions', { bearer: again.access_token });
    expect(((await sessions.json()) as { items: unknown[] }).items).toHaveLength(1);
    expect((await send('GET', '/auth/me', { bearer: accounts[0]?.access_token ?? '' })).status).toBe(401);
  });

  it('ends a request for another address, which a thief may have made', async () => {
    const { access_token: bearer } = await signUp('barbara');
    const json = { email: 'thief@example.com', password };
    expect((await send('POST', '/auth/email/change', { bearer, json })).status).toBe(202);
    const mailed = async () => {
      const answer = await fetch(`${stack.url}/dev/mailbox`, { headers: { Accept: 'application/json' } });
      const { items } = (await answer.json()) as { items: Mail[] };
      return items.find(({ to }) => to === json.email)?.text.match(/token=([\w.-]+)/)?.[1];
    };
    await expect.poll(mailed, { timeout: 20_000 }).toBeDefined();
    const token = await mailed();
    expect(await endAll('--yes')).toMatchObject({ status: 0 });
    const confirmed = await send('POST', '/auth/email/verify', { json: { token } });
    expect([confirmed.status, ((await confirmed.json()) as { code: string }).code]).toEqual([
      400,
      'token_invalid',
    ]);
  });
});
