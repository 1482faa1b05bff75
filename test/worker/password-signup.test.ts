import { expect, it, vi } from 'vitest';
import { createClient, newEmail, password } from '../support/worker/client.ts';

const strength = vi.hoisted(() => ({ loads: 0 }));
vi.mock(import('../../src/passwords/service/strength.ts'), async (load) => {
  strength.loads++;
  return load();
});

const client = createClient();

it('the dictionary is loaded by the first password that is set, and by nothing else', async () => {
  await client('GET', '/health');
  const token = await client('POST', '/auth/token', { json: { email: newEmail(), password } });
  expect([token.status, strength.loads]).toEqual([401, 0]);

  const signup = await client('POST', '/auth/signup', { json: { email: newEmail(), password } });
  expect([signup.status, strength.loads]).toEqual([201, 1]);
});

it('a weak password is refused without the database, so that neither the answer nor its time tells whether an account exists', async () => {
  const cutOff = createClient({
    DATABASE_URL: 'postgres://itsor_app:x@unreachable.localhost/itsor',
    NEON_HTTP_ENDPOINT: 'http://127.0.0.1:9/sql',
  });
  const attempt = (chosen: string) =>
    cutOff('POST', '/auth/signup', { json: { email: newEmail(), password: chosen } });
  const weak = await attempt('Password123456!');
  expect([weak.status, await weak.json()]).toEqual([422, expect.objectContaining({ code: 'weak_password' })]);
  expect((await attempt(password)).status).toBe(503);
});

it('a login never checks the strength of its password', async () => {
  const lenient = createClient({ PASSWORD_MIN_LENGTH: '8' });
  const account = { email: newEmail(), password: 'kvq-8zr-p4h' };
  expect((await lenient('POST', '/auth/signup', { json: account })).status).toBe(201);
  const strict = createClient({ PASSWORD_MIN_LENGTH: '64' });
  expect((await strict('POST', '/auth/token', { json: account })).status).toBe(200);
});

// Proves ASVS 6.2.11.
it('a password is compared with the address and the user name of its request', async () => {
  const email = `lovelace-${crypto.randomUUID()}@example.com`;
  const username = 'countess.ada';
  for (const [own, member] of [
    [email, 'the address'],
    ['C0untess-Ada-1815', 'the user name'],
  ]) {
    const response = await client('POST', '/auth/signup', { json: { email, username, password: own } });
    expect(response.status, member).toBe(422);
    expect(await response.json(), member).toMatchObject({
      code: 'weak_password',
      errors: expect.arrayContaining([
        expect.objectContaining({ pointer: '/password', code: 'contains_account' }),
      ]),
    });
  }
});
