import { describe, expect, it } from 'vitest';
import { expectProblem } from '../support/worker/problem.ts';
import { asJson, bytes, client, logIn, refresh, understood } from '../support/worker/raw-bodies.ts';

describe('the type of a body', () => {
  it.each([
    'application/json',
    'APPLICATION/JSON',
    'application/json;charset=utf-8',
    'application/json; charset=UTF-8',
    'application/json ; Charset="utf-8"',
    'application/json; q=1; charset=utf-8',
  ])('may be written %s', async (type) => {
    await expectProblem(await refresh(understood, { 'Content-Type': type }), 401, 'refresh_token_invalid');
  });

  it.each([
    'text/json',
    'text/plain',
    'text/plain; application/json',
    'application/jsonp',
    'application/problem+json',
    'application/json, text/plain',
    'application/json; charset=utf-16',
    'application/json; charset = utf-16',
    'application/json; charset=utf-8; charset=utf-16',
    'application/json; charset=latin1',
    'application/json; charset=',
    'multipart/form-data',
    'multipart/form-data; boundary=application/json',
    'application/x-www-form-urlencoded',
    '/',
    ';',
  ])('may not be %s', async (type) => {
    await expectProblem(await refresh(understood, { 'Content-Type': type }), 415, 'unsupported_media_type');
  });

  it('must be given with a body', async () => {
    await expectProblem(await refresh(bytes(understood), {}), 415, 'unsupported_media_type');
  });

  it.each(['gzip', 'br', 'deflate', 'zstd', 'identity, gzip', 'x'])(
    'may not be packed by %s',
    async (encoding) => {
      const headers = { ...asJson, 'Content-Encoding': encoding };
      await expectProblem(await refresh(understood, headers), 415, 'unsupported_media_type');
    },
  );

  it('is a form of one kind: a multipart one is refused', async () => {
    const form = new FormData();
    form.set('grant_type', 'password');
    await expectProblem(await logIn(form, {}), 415, 'unsupported_media_type');
    await expectProblem(await client('POST', '/auth/revoke', { body: form }), 415, 'unsupported_media_type');
  });

  it('does not matter where a multipart form has no field, as the one of a button that only logs out', async () => {
    const form = new FormData();
    const { status } = await client('POST', '/auth/logout', { body: form });
    expect(status).toBe(204);
    form.set('scope', 'global');
    await expectProblem(await client('POST', '/auth/logout', { body: form }), 415, 'unsupported_media_type');
  });
});
