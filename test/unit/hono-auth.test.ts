import { Hono } from 'hono';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { itsorAuth, requirePermission, requireUser } from '../../packages/hono-auth/src/index.ts';
import type { AuthService, Refused, User, Verified } from '../../packages/hono-auth/src/service.ts';

const user: User = {
  id: '01a2272a-fc5f-701b-ad86-da401e4d6c17',
  email: 'ada@example.com',
  username: null,
  email_verified: true,
  roles: ['user'],
  permissions: ['users:read'],
  created_at: '2026-11-29T11:57:38.271Z',
  password_changed_at: null,
  must_change_password: false,
};
const good: Verified = { ok: true, user, session: { id: 'session' }, permissions: ['users:read'] };
const refusal = (status: number, code: string, retryAfterSeconds?: number): Refused => ({
  ok: false,
  status,
  code,
  detail: 'The reason.',
  ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
});

/** The answer as one line, and its problem. */
const read = async (response: Response) => {
  const text = await response.text();
  const isProblem = response.headers.get('Content-Type') === 'application/problem+json';
  return {
    status: response.status,
    challenge: response.headers.get('WWW-Authenticate'),
    retryAfter: response.headers.get('Retry-After'),
    code: isProblem ? (JSON.parse(text).code as string) : null,
    text,
  };
};

const routes = (app: Hono, auth: ReturnType<typeof itsorAuth>): Hono => {
  app.use(auth);
  app.get('/public', (c) => c.text(String((c.get('auth' as never) as { userId: string } | null)?.userId)));
  app.all('/private', requireUser(), (c) => c.text(c.get('auth').userId));
  app.get('/readers', requirePermission('users:read'), (c) => c.text('read'));
  app.get('/writers', requirePermission('users:write'), (c) => c.text('written'));
  app.onError((error, c) => c.text(error.message, 500));
  return app;
};

const token = 'aGVhZA.Ym9keQ.c2ln';
const bearer = { Authorization: `Bearer ${token}` };

beforeEach(() => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
});

describe('itsorAuth with a binding', () => {
  let verify: ReturnType<typeof vi.fn<AuthService['verify']>>;
  const online = (options: object = {}) =>
    routes(new Hono(), itsorAuth({ binding: { verify: (...args) => verify(...args) }, ...options }));
  const get = async (path: string, headers: Record<string, string> = bearer, app = online()) =>
    read(await app.request(path, { headers }));

  beforeEach(() => {
    verify = vi.fn<AuthService['verify']>(async () => good);
  });

  it('asks once for a request, and passes the audience on', async () => {
    const app = online({ audience: 'orders' });
    expect(await get('/private', bearer, app)).toMatchObject({ status: 200, text: user.id });
    expect(verify.mock.calls).toEqual([[token, { audience: 'orders' }]]);
  });

  it.each(['bearer', 'BEARER', 'Bearer  '])('takes the scheme %j', async (scheme) => {
    expect((await get('/private', { Authorization: `${scheme} ${token}` })).status).toBe(200);
  });

  it('asks for a token where there is none, without calling one invalid', async () => {
    expect(await get('/private', {})).toMatchObject({
      status: 401,
      code: 'unauthenticated',
      challenge: 'Bearer',
    });
    expect((await get('/private', { Authorization: 'Basic YTpi' })).challenge).toBe('Bearer');
    expect(verify).not.toHaveBeenCalled();
  });

  it.each([
    'Bearer',
    `Bearer ${token} x`,
    'Bearer x',
    'Bearer a.b',
    `Bearer ${'a'.repeat(9000)}.b.c`,
    'Bearer a.b.c=',
  ])('refuses %.20j without a call', async (header) => {
    expect(await get('/private', { Authorization: header })).toMatchObject({
      status: 401,
      challenge: 'Bearer error="invalid_token", error_description="unauthenticated"',
    });
    expect(verify).not.toHaveBeenCalled();
  });

  it.each([
    [
      refusal(401, 'session_revoked'),
      401,
      'Bearer error="invalid_token", error_description="session_revoked"',
      null,
    ],
    [
      refusal(401, 'token_expired'),
      401,
      'Bearer error="invalid_token", error_description="token_expired"',
      null,
    ],
    [refusal(403, 'email_not_verified'), 403, null, null],
    [refusal(503, 'service_unavailable', 7), 503, null, '7'],
    [refusal(503, 'misconfigured'), 503, null, '5'],
    [refusal(504, 'timeout'), 503, null, '5'],
    [refusal(500, 'internal_error'), 503, null, '5'],
  ])('passes on %j', async (answer, status, challenge, retryAfter) => {
    verify.mockResolvedValue(answer);
    expect(await get('/private')).toMatchObject({ status, code: answer.code, challenge, retryAfter });
  });

  it('answers 503 with a time to wait, and not 401, when the call throws', async () => {
    verify.mockRejectedValue(new Error('the Worker is gone'));
    const answer = await get('/private');
    expect(answer).toMatchObject({
      status: 503,
      code: 'service_unavailable',
      challenge: null,
      retryAfter: '5',
    });
    expect(answer.text).not.toContain('gone');
  });

  it('answers 503 when the call has no answer in time', async () => {
    verify.mockReturnValue(new Promise(() => {}));
    expect((await get('/private', bearer, online({ timeoutMs: 20 }))).status).toBe(503);
  });

  it('refuses nothing on a public route', async () => {
    expect(await get('/public', {})).toMatchObject({ status: 200, text: 'undefined' });
    verify.mockResolvedValue(refusal(401, 'token_expired'));
    expect(await get('/public')).toMatchObject({ status: 200, text: 'undefined' });
    verify.mockRejectedValue(new Error('gone'));
    expect(await get('/public')).toMatchObject({ status: 200, text: 'undefined' });
  });

  it('allows what the permissions of the account allow', async () => {
    expect(await get('/readers')).toMatchObject({ status: 200 });
    expect(await get('/writers')).toMatchObject({
      status: 403,
      code: 'forbidden',
      challenge: 'Bearer error="insufficient_scope", error_description="forbidden"',
    });
    expect((await get('/readers', {})).status).toBe(401);
    verify.mockResolvedValue({ ...good, permissions: [], user: { ...user, must_change_password: true } });
    expect(await get('/readers')).toMatchObject({ status: 403, code: 'password_change_required' });
  });

  it('finds the binding by its name, and says what wrangler.toml lacks', async () => {
    const app = routes(new Hono(), itsorAuth({ binding: 'AUTH' }));
    const bound = await app.request('/private', { headers: bearer }, { AUTH: { verify } });
    expect(bound.status).toBe(200);
    const unbound = await app.request('/private', { headers: bearer }, {});
    expect([unbound.status, await unbound.text()]).toEqual([
      500,
      expect.stringContaining('entrypoint = "AuthService"'),
    ]);
  });

  it('lets nobody through where itsorAuth was forgotten', async () => {
    const app = new Hono().get('/private', requireUser(), (c) => c.text('in'));
    app.onError((error, c) => c.text(error.message, 500));
    const response = await app.request('/private', { headers: bearer });
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining('need itsorAuth'),
    ]);
  });

  describe('and a cookie', () => {
    const withCookie = () => online({ cookie: 'app' });
    const send = async (headers: Record<string, string>, method = 'GET') =>
      read(await withCookie().request('http://localhost/private', { method, headers }));
    const cookie = { Cookie: `other=1; app=${token}` };

    it('reads it only where it was asked for', async () => {
      expect((await send(cookie)).status).toBe(200);
      expect((await get('/private', cookie)).status).toBe(401);
    });

    it('lets the header decide, also a broken one', async () => {
      await send({ ...cookie, Authorization: 'Bearer aGVhZA.Ym9keQ.b3RoZXI' });
      expect(verify.mock.calls[0]?.[0]).toBe('aGVhZA.Ym9keQ.b3RoZXI');
      expect((await send({ ...cookie, Authorization: 'Bearer broken' })).status).toBe(401);
      expect((await send({ ...cookie, Authorization: 'Basic YTpi' })).status).toBe(200);
    });

    it('refuses two of one name', async () => {
      expect(await send({ Cookie: `app=${token}; app=x.y.z` })).toMatchObject({
        status: 400,
        code: 'duplicate_cookie',
      });
    });

    it.each([
      ['GET', { 'Sec-Fetch-Site': 'cross-site' }, 200],
      ['GET', { Upgrade: 'websocket', Origin: 'https://evil.example' }, 403],
      ['GET', { Upgrade: 'websocket', Origin: 'http://localhost' }, 200],
      ['POST', { 'Sec-Fetch-Site': 'same-origin' }, 200],
      ['POST', { Origin: 'http://localhost' }, 200],
      ['POST', { 'Sec-Fetch-Site': 'same-site' }, 403],
      ['POST', { 'Sec-Fetch-Site': 'cross-site', Origin: 'http://localhost' }, 403],
      ['DELETE', { Origin: 'https://evil.example' }, 403],
      ['POST', { Origin: 'null' }, 403],
      ['POST', {}, 403],
    ])('answers %s with %j: %i', async (method, headers, status) => {
      expect((await send({ ...cookie, ...(headers as Record<string, string>) }, method)).status).toBe(status);
    });

    it('wants no origin of a request with a header, which no foreign page can send', async () => {
      expect((await send({ ...cookie, ...bearer }, 'POST')).status).toBe(200);
    });
  });
});

describe('itsorAuth with a key set', () => {
  const issuer = 'https://auth.example.com';
  const audience = 'orders';
  type Pair = { kid: string; alg: string; privateKey: CryptoKey; jwk: object };
  let pair: Pair;
  let other: Pair;
  let clock: number;
  let answer: () => Promise<Response>;
  let asked: number;

  const newPair = async (kid: string, alg = 'ES256'): Promise<Pair> => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
  };
  const keySet =
    (...pairs: readonly Pair[]) =>
    async () =>
      Response.json({ keys: pairs.map(({ jwk }) => jwk) });

  beforeAll(async () => {
    [pair, other] = await Promise.all([newPair('first'), newPair('second')]);
  });
  beforeEach(() => {
    clock = Date.parse('2026-11-30T12:00:00Z');
    asked = 0;
    answer = keySet(pair);
  });

  const seconds = () => Math.floor(clock / 1000);
  const sign = (claims: JWTPayload = {}, header: object = {}, by = pair) =>
    new SignJWT({
      iss: issuer,
      aud: audience,
      sub: user.id,
      sid: 'session',
      jti: 'id',
      roles: ['user'],
      iat: seconds(),
      exp: seconds() + 3600,
      ...claims,
    })
      .setProtectedHeader({ alg: by.alg, typ: 'at+jwt', kid: by.kid, ...header })
      .sign(by.privateKey);

  const offline = (options: object = {}) =>
    routes(
      new Hono(),
      itsorAuth({
        issuer,
        audience,
        now: () => new Date(clock),
        fetch: async () => {
          asked++;
          return answer();
        },
        ...options,
      }),
    );
  const send = async (app: Hono, jwt: string, path = '/private') =>
    read(await app.request(path, { headers: { Authorization: `Bearer ${jwt}` } }));

  it('accepts a good token, and reads the keys once', async () => {
    const app = offline();
    const jwt = await sign();
    expect(await send(app, jwt)).toMatchObject({ status: 200, text: user.id });
    expect((await send(app, jwt)).status).toBe(200);
    expect(asked).toBe(1);
  });

  it('reads the keys once for many requests at the same time', async () => {
    const app = offline();
    const jwt = await sign();
    answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return keySet(pair)();
    };
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(app, jwt)));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(asked).toBe(1);
  });

  it.each(['EdDSA', 'RS256'])('accepts %s', async (alg) => {
    const made = await newPair('x', alg);
    answer = keySet(made);
    expect((await send(offline(), await sign({}, {}, made))).status).toBe(200);
  });

  it.each<[string, JWTPayload, object]>([
    ['of another issuer', { iss: 'https://evil.example' }, {}],
    ['for another audience', { aud: 'itsor-clients' }, {}],
    ['of another type', {}, { typ: 'JWT' }],
    ['without a type', {}, { typ: undefined }],
    ['without a kid', {}, { kid: undefined }],
    ['without a session', { sid: undefined }, {}],
    ['without an end', { exp: undefined } as never, {}],
    ['without roles', { roles: undefined }, {}],
    ['that is not valid yet', { nbf: 4_000_000_000 }, {}],
    ['with a kid that names another key', {}, { kid: 'second' }],
  ])('refuses a token %s', async (_, claims, header) => {
    answer = keySet(pair, other);
    expect(await send(offline(), await sign(claims, header))).toMatchObject({
      status: 401,
      code: 'unauthenticated',
      challenge: 'Bearer error="invalid_token", error_description="unauthenticated"',
    });
  });

  it('refuses a token that HMAC signs with the public key, and one without a signature, and reads no keys', async () => {
    const app = offline();
    const header = (alg: string) =>
      Buffer.from(JSON.stringify({ alg, typ: 'at+jwt', kid: pair.kid })).toString('base64url');
    const [, body = ''] = (await sign()).split('.');
    const secret = new TextEncoder().encode(JSON.stringify(pair.jwk));
    const hmac = await new SignJWT({ iss: issuer, aud: audience })
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: pair.kid })
      .sign(secret);
    for (const jwt of [hmac, `${header('none')}.${body}.AA`, `${header('HS256')}.${body}.AA`, 'bm8.bm8.bm8'])
      expect(await send(app, jwt)).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(asked).toBe(0);
  });

  it('accepts a token for 30 seconds after its end, and then says that it has expired', async () => {
    const app = offline();
    const jwt = await sign({ exp: seconds() + 10 });
    clock += 39_000;
    expect((await send(app, jwt)).status).toBe(200);
    clock += 2000;
    expect(await send(app, jwt)).toMatchObject({ status: 401, code: 'token_expired' });
  });

  it('reads the keys once more for an unknown kid, and then not for 30 seconds', async () => {
    const app = offline();
    await send(app, await sign());
    clock += 31_000;
    answer = keySet(pair, other);
    expect((await send(app, await sign({}, {}, other))).status).toBe(200);
    expect(asked).toBe(2);
    const unknown = await sign({}, { kid: 'third' });
    for (let attempt = 0; attempt < 5; attempt++) expect((await send(app, unknown)).status).toBe(401);
    expect(asked).toBe(2);
    clock += 31_000;
    expect((await send(app, unknown)).status).toBe(401);
    expect(asked).toBe(3);
  });

  it('forgets a key that Itsor has taken away, when the keys are five minutes old', async () => {
    const app = offline();
    await send(app, await sign());
    answer = keySet(other);
    clock += 301_000;
    expect((await send(app, await sign())).status).toBe(401);
  });

  const faults: readonly [string, () => Promise<Response>][] = [
    ['cannot be reached', () => Promise.reject(new TypeError('refused'))],
    ['answers 500', async () => new Response('', { status: 500 })],
    [
      'redirects',
      async () => new Response('', { status: 302, headers: { Location: 'https://evil.example' } }),
    ],
    ['answers a page', async () => new Response('<html>')],
    ['answers other JSON', async () => Response.json({})],
  ];

  it.each(faults)('answers 503 with a time to wait, and not 401, when Itsor %s', async (_, fault) => {
    const app = offline();
    answer = fault;
    const jwt = await sign();
    expect(await send(app, jwt)).toMatchObject({
      status: 503,
      code: 'service_unavailable',
      retryAfter: '30',
      challenge: null,
    });
    await send(app, jwt);
    expect(asked, 'a fault causes no flood').toBe(1);
    clock += 31_000;
    answer = keySet(pair);
    expect((await send(app, jwt)).status, 'it recovers by itself').toBe(200);
  });

  it('goes on with the keys that it has for an hour while Itsor is down, and cannot judge a new one', async () => {
    const app = offline();
    await send(app, await sign());
    answer = () => Promise.reject(new TypeError('refused'));
    clock += 700_000;
    expect((await send(app, await sign())).status).toBe(200);
    expect((await send(app, await sign({}, {}, other))).status).toBe(503);
    clock += 3_600_000;
    expect((await send(app, await sign())).status).toBe(503);
  });

  it('takes over from a request that was cancelled while it read the keys', async () => {
    const app = offline({ timeoutMs: 200 });
    answer = () => new Promise(() => {});
    void send(app, await sign());
    await vi.waitFor(() => expect(asked).toBe(1));
    answer = keySet(pair);
    const waiting = send(app, await sign());
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked).toBe(1);
    clock += 201;
    expect((await waiting).status).toBe(200);
  });

  it('says what to do where the key set is empty, because the tokens are signed with HS256', async () => {
    answer = keySet();
    const { status, code, text } = await send(offline(), await sign());
    expect([status, code]).toEqual([503, 'misconfigured']);
    expect(text).toContain('HS256');
    expect(text).toContain('npm run secrets:generate -- --algorithm ES256');
    expect(text).toContain('binding');
  });

  it('asks for no permission, which a token does not name', async () => {
    const { status, text } = await send(offline(), await sign(), '/readers');
    expect([status, text]).toEqual([500, expect.stringContaining('tokens carry roles and no permissions')]);
  });

  it.each([
    [{ audience: '' }, 'audience is required'],
    [{ audience: [] }, 'audience is required'],
    [{ audience: undefined }, 'audience is required'],
    [{ issuer: '' }, 'issuer is required'],
    [{ issuer: 'itsor-backend' }, 'jwksUrl'],
    [{ issuer: 'http://auth.example.com' }, 'https'],
    [{ jwksUrl: 'http://auth.example.com/keys' }, 'https'],
  ])('does not start with %j', (options, message) => {
    expect(() => offline(options)).toThrow(message);
  });

  it('reads keys without TLS from this machine, for local work', () => {
    expect(() =>
      offline({ issuer: 'itsor-backend', jwksUrl: 'http://localhost:3002/.well-known/jwks.json' }),
    ).not.toThrow();
  });
});
