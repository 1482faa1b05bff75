import { describe, expect, it } from 'vitest';
import { cookiesOf, newAccount, newEmail, password } from '../support/worker/client.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { asForm, asJson, client, logIn, refresh } from '../support/worker/raw-bodies.ts';

describe('the members of a body', () => {
  it.each([
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'valueOf',
    'hasOwnProperty',
    'then',
    'toJSON',
  ])('may not be named %s, at the top or below', async (name) => {
    const credentials = JSON.stringify({ email: newEmail(), password });
    const below = `{"${name}":${credentials}}`;
    await expectProblem(await logIn(below), 422, 'validation_failed');
    await expectProblem(
      await logIn(`${credentials.slice(0, -1)},"${name}":{"x":1}}`),
      422,
      'validation_failed',
    );
    await expectProblem(await logIn(`{"email":${below},"password":${below}}`), 422, 'validation_failed');
    const query = await client('POST', `/auth/logout?${name}=global`);
    await expectProblem(query, 422, 'validation_failed');
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('of a form may have any name: those that are not known are ignored (RFC 6749 section 3.2)', async () => {
    const { email } = (await newAccount(client)).user;
    const body = `__proto__=a&constructor=b&toString=c&grant_type=password&username=${email}&password=${encodeURIComponent(password)}`;
    const response = await logIn(body, asForm);
    expect(response.status).toBe(200);
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });

  it.each(['role', 'roles', 'id', 'email_verified', 'permissions', 'disabled', 'grant_type'])(
    'grant nothing by the name of %s',
    async (name) => {
      const json = { email: newEmail(), password, [name]: ['admin'] };
      await expectProblem(await client('POST', '/auth/signup', { json }), 422, 'validation_failed');
    },
  );

  it('name no address that no mail could reach (RFC 5321 section 4.5.3.1.1)', async () => {
    const signUp = (length: number) => {
      const email = `${'x'.repeat(length)}@${crypto.randomUUID()}.example`;
      return client('POST', '/auth/signup', { json: { email, password } });
    };
    expect((await signUp(64)).status).toBe(201);
    await expectProblem(await signUp(65), 422, 'validation_failed');
  });

  it('of the same name count by the last, for every part of the service alike', async () => {
    const email = newEmail();
    const body = `{"email":"first@example.com","email":"${email}","password":"short","password":"${password}"}`;
    const response = await client('POST', '/auth/signup', { body, headers: asJson });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ user: { email } });
    expect((await client('POST', '/auth/token', { json: { email, password } })).status).toBe(200);
  });

  it('of the same name are refused in a form (RFC 6749 section 3.2)', async () => {
    const { user, refresh_token } = await newAccount(client);
    const pair = `username=${user.email}&password=${encodeURIComponent(password)}`;
    for (const body of [
      `grant_type=password&grant_type=password&${pair}`,
      `grant_type=password&${pair}&password=x`,
      `grant_type=password&${pair}&username=root`,
      `grant_type=password&${pair}&scope=&scope=offline_access`,
      `grant_type=password&${pair}&grant_type=refresh_token&refresh_token=${refresh_token}`,
    ]) {
      const response = await logIn(body, asForm);
      expect(response.status, body).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'validation_failed' });
      expect(cookiesOf(response).size).toBe(0);
    }
    const twice = await client('POST', '/auth/revoke', { body: 'token=a&token=b', headers: asForm });
    await expectProblem(twice, 400, 'validation_failed');
  });

  const codes = { 400: 'malformed_json', 401: 'refresh_token_invalid', 422: 'validation_failed' } as const;
  it.each([
    ['an array in an array, thirty thousand deep', '['.repeat(30_000) + ']'.repeat(30_000), 422],
    ['the same without its end', '['.repeat(65_000), 400],
    ['an object in an object', '{"a":'.repeat(10_000) + 1 + '}'.repeat(10_000), 422],
    ['depth in a member', `{"refresh_token":${'['.repeat(30_000)}${']'.repeat(30_000)}}`, 422],
    ['a number too large for a number', `{"refresh_token":${'9'.repeat(60_000)}}`, 422],
    ['an exponent too large', '{"refresh_token":1e999999999}', 422],
    ['a string for the object', '"refresh_token"', 422],
    ['a number for the object', '0', 422],
    ['true for the member', '{"refresh_token":true}', 422],
    ['an array for the member', '{"refresh_token":["x"]}', 422],
    ['an object for the member', '{"refresh_token":{"toString":"x"}}', 422],
    // As without a body: no token is given.
    ['an empty text', '', 401],
    ['null for the member', '{"refresh_token":null}', 401],
    ['null for the object', 'null', 401],
    ['a comment', '{}//', 400],
    ['a trailing comma', '{"refresh_token":"x",}', 400],
    ['two texts', '{}{}', 400],
    ['NaN', '{"refresh_token":NaN}', 400],
    ['single quotes', "{'refresh_token':'x'}", 400],
  ] as const)('with %s get a clear answer', async (_, body, status) => {
    await expectProblem(await refresh(body), status, codes[status]);
  });
});
