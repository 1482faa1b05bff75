import { describe, expect, it } from 'vitest';
import { createClient, newAccount, newEmail, password } from '../support/worker/client.ts';
import { expectProblem } from '../support/worker/problem.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });
const jsonType = 'application/json';
const send = (path: string, type: string, body: BodyInit | null, headers: Record<string, string> = {}) =>
  client('POST', path, { body, headers: { 'Content-Type': type, ...headers } });

describe('an empty body', () => {
  it.each([
    jsonType,
    'Application/JSON; charset=utf-8',
    'application/x-www-form-urlencoded',
    'text/plain;charset=UTF-8',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
  ])('of the type %s counts as none, because clients set one header for all calls', async (type) => {
    const { refresh_token: token } = await newAccount(client);
    for (const body of [null, '']) {
      const response = await client('POST', '/auth/refresh', {
        body,
        cookies: { itsor_session_refresh: token },
        headers: { 'Content-Type': type },
      });
      expect(response.status).toBe(200);
    }
    const missing = await expectProblem(await send('/auth/signup', type, null), 422, 'validation_failed');
    expect(missing).toContain('"pointer":"/email"');
  });

  // A serializer makes `null` of no object, and a template leaves a line end behind.
  it.each(['null', ' null\r\n', '\n', ' \t\r\n', '\ufeff'])('is also %j', async (body) => {
    const { refresh_token: token } = await newAccount(client);
    const headers = { 'Content-Type': jsonType };
    const cookies = { itsor_session_refresh: token };
    expect((await client('POST', '/auth/refresh', { body, cookies, headers })).status).toBe(200);
    const missing = await expectProblem(await send('/auth/signup', jsonType, body), 422, 'validation_failed');
    expect(missing).toContain('"pointer":"/email"');
  });

  it.each(['nul', 'nullx', '0', '""', '[]', '[null]', 'false'])('is not %s', async (body) => {
    const { refresh_token: token } = await newAccount(client);
    const response = await client('POST', '/auth/refresh', {
      body,
      cookies: { itsor_session_refresh: token },
      headers: { 'Content-Type': jsonType },
    });
    expect([400, 422]).toContain(response.status);
    if (response.status === 422) expect(await response.text()).toContain('the body must be an object');
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  it('is no reason to take null as a form or as text', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
      await expectProblem(await send('/auth/signup', type, 'null'), 415, 'unsupported_media_type');
  });

  it('does not open a refresh to another site', async () => {
    const { refresh_token: token } = await newAccount(client);
    const response = await client('POST', '/auth/refresh', {
      cookies: { itsor_session_refresh: token },
      headers: { 'Content-Type': 'text/plain', Origin: 'https://evil.example' },
    });
    await expectProblem(response, 403, 'csrf_rejected');
  });

  it('of a form of OAuth 2 is refused as one', async () => {
    for (const path of ['/auth/token', '/auth/revoke']) {
      const response = await send(path, 'application/x-www-form-urlencoded', '', { Accept: jsonType });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'validation_failed', error: expect.any(String) });
    }
  });
});

describe('the type of a body', () => {
  it.each([
    'application/json',
    'APPLICATION/JSON',
    'application/json;',
    'application/json ; ',
    'application/json;charset=utf8',
    'application/json; charset=UTF-8',
    'application/json; charset="utf-8"',
    "application/json; charset='UTF8'",
    'application/json; Charset=utf-8; charset=utf-8',
    'application/json; charset=unicode-1-1-utf-8',
    'application/json; charset = utf-8 ;',
    'application/json; charset=us-ascii',
    'application/json; charset="US-ASCII"',
    'application/json, application/json',
    'application/json; charset=utf-8, Application/JSON;charset=UTF8',
    'application/json; odata=verbose; charset=utf-8',
  ])('may be %s', async (type) => {
    const body = JSON.stringify({ email: newEmail(), password: `${password} ü` });
    expect((await send('/auth/signup', type, body)).status).toBe(201);
  });

  it.each(['application/x-www-form-urlencoded;charset=utf8', 'Application/X-WWW-Form-URLencoded; '])(
    'of a form may be %s',
    async (type) => {
      const { user } = await newAccount(client);
      const form = { grant_type: 'password', username: user.email, password };
      const body = new URLSearchParams(form).toString();
      expect((await send('/auth/token', type, body)).status).toBe(200);
    },
  );

  it.each([
    'application/json; charset=utf-16',
    'application/json; charset=utf-7',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-8; charset=utf-16',
    'application/json; charset="utf-8',
    'application/json; charset=',
    'application/json, text/plain',
    'text/plain, application/json',
    'application/json,',
    'application/json; charset=utf-8, application/json; charset=utf-16',
    'multipart/form-data; boundary=x, application/json',
    'text/plain; application/json',
    'text/plain',
    'application/jsonx',
    '',
  ])('is not %j', async (type) => {
    const body = JSON.stringify({ email: newEmail(), password });
    await expectProblem(await send('/auth/signup', type, body), 415, 'unsupported_media_type');
  });

  it('may be said to be of no encoding, in any case, and not of another', async () => {
    const body = () => JSON.stringify({ email: newEmail(), password });
    for (const encoding of ['identity', 'Identity', 'IDENTITY', ''])
      expect((await send('/auth/signup', jsonType, body(), { 'Content-Encoding': encoding })).status).toBe(
        201,
      );
    for (const encoding of ['gzip', 'identity, gzip', 'br']) {
      const response = await send('/auth/signup', jsonType, body(), { 'Content-Encoding': encoding });
      await expectProblem(response, 415, 'unsupported_media_type');
    }
  });
});
