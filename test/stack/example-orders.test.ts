import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Launch, startStack } from '../support/node/stack.ts';
import { type RunningWorker, startExample } from '../support/node/worker.ts';

const password = 'correct horse battery staple';
let stack: Launch;
let orders: RunningWorker;

beforeAll(async () => {
  stack = await startStack();
  orders = await startExample('orders', stack.dataDirectory);
});
afterAll(async () => {
  await orders?.stop();
  await stack?.stop();
});

let lastAccount = 0;
const signUp = async () => {
  const email = `ada-${++lastAccount}@example.com`;
  const response = await fetch(`${stack.url}/auth/signup`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email, password }),
  });
  const { access_token: token, user } = (await response.json()) as {
    access_token: string;
    user: { id: string };
  };
  return { email, token, id: user.id };
};
const get = (path: string, headers: Record<string, string> = {}) => fetch(orders.url + path, { headers });
const logOut = (token: string) =>
  fetch(`${stack.url}/auth/logout`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });

describe('the example Worker beside Itsor', () => {
  it('lets a good token through, and refuses it on the very next request after its logout', async () => {
    const { token, id } = await signUp();
    const headers = { Authorization: `Bearer ${token}` };
    expect(await (await get('/orders', headers)).json()).toMatchObject({ owner: id });
    expect((await logOut(token)).status).toBe(204);
    const refused = await get('/orders', headers);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('Content-Type')).toBe('application/problem+json');
    expect(refused.headers.get('WWW-Authenticate')).toContain('session_revoked');
    expect(await refused.json()).toMatchObject({ status: 401, code: 'session_revoked' });
  });

  it('answers a stranger on its public page only', async () => {
    expect(await (await get('/')).text()).toBe('Hello stranger');
    expect((await get('/orders')).status).toBe(401);
    expect((await get('/customers')).status).toBe(401);
  });

  it('refuses a person without the permission', async () => {
    const { token } = await signUp();
    const refused = await get('/customers', { Authorization: `Bearer ${token}` });
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([403, 'forbidden']);
  });

  it('logs a person in for its own pages, and out again', async () => {
    const { email } = await signUp();
    const send = (path: string, headers: Record<string, string>, form: Record<string, string> = {}) =>
      fetch(orders.url + path, {
        method: 'POST',
        redirect: 'manual',
        headers: { Origin: orders.url, ...headers },
        body: new URLSearchParams(form),
      });
    const wrong = await send('/login', {}, { identifier: email, password: 'wrong' });
    expect([wrong.status, await wrong.text()]).toEqual([401, expect.stringContaining('password is wrong')]);
    expect(wrong.headers.getSetCookie()).toEqual([]);

    const response = await send('/login', {}, { identifier: email, password });
    expect(response.status).toBe(303);
    const [line = ''] = response.headers.getSetCookie();
    expect(line).toMatch(/^orders_session=[\w.-]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    const cookie = { Cookie: line.split(';')[0] ?? '' };
    expect(await (await get('/', cookie)).text()).toBe(`Hello ${email}`);
    expect((await send('/logout', { ...cookie, Origin: 'https://evil.example' })).status).toBe(403);
    expect((await get('/orders', cookie)).status).toBe(200);
    expect((await send('/logout', cookie)).status).toBe(303);
    expect((await get('/orders', cookie)).status, 'a copy of the cookie is worth nothing').toBe(401);
  });

  it('counts the logins of a person by their address, and not by that of the Worker', async () => {
    let lastName = 0;
    const login = (address: string) =>
      fetch(`${orders.url}/login`, {
        method: 'POST',
        redirect: 'manual',
        headers: { Origin: orders.url, 'CF-Connecting-IP': address },
        body: new URLSearchParams({ identifier: `nobody-${++lastName}@example.com`, password: 'wrong' }),
      });
    // RATE_LIMIT_MAX is 100, of which logins have 0.8.
    const statuses = [];
    for (let attempt = 0; attempt < 81; attempt++) statuses.push((await login('203.0.113.7')).status);
    expect(statuses.at(-1)).toBe(429);
    expect((await login('203.0.113.8')).status).not.toBe(429);
  });
});
