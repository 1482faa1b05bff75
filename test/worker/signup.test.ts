import { describe, expect, it } from 'vitest';
import { cookiesOf, createClient, newEmail, password } from '../support/worker/client.ts';

const client = createClient();
const signup = (json: Record<string, unknown>) => client('POST', '/auth/signup', { json });

describe('POST /auth/signup', () => {
  // Proves ASVS 3.3.2; ASVS 3.3.4; ASVS 14.2.2; ASVS 14.3.2; ASVS 15.3.1; RFC 6749, 5.1.
  it('a sign-up creates an account, logs it in and sets both cookies', async () => {
    const email = newEmail();
    const response = await signup({ email: email.toUpperCase(), password });

    expect(response.status).toBe(201);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    const body = await response.json<Record<string, unknown>>();
    expect(body).toMatchObject({
      token_type: 'bearer',
      expires_in: 3600,
      scope: '',
      must_change_password: false,
      user: { email, username: null, email_verified: false, roles: ['user'], permissions: [] },
    });
    expect(body).not.toHaveProperty('refresh_token');
    const cookies = cookiesOf(response);
    expect(cookies.get('itsor_session')).toEqual({
      value: body.access_token,
      attributes: ['Max-Age=3600', 'Path=/', 'HttpOnly', 'SameSite=Lax'],
    });
    expect(cookies.get('itsor_session_refresh')?.attributes).toEqual([
      expect.stringMatching(/^Max-Age=(604800|604799)$/),
      'Path=/auth',
      'HttpOnly',
      'SameSite=Lax',
    ]);
  });

  it('a sign-up is told whether its e-mail address or its user name is taken', async () => {
    const email = newEmail();
    const username = `name-${crypto.randomUUID().slice(0, 8)}`;
    expect((await signup({ email, password, username })).status).toBe(201);

    const sameEmail = await signup({ email: email.toUpperCase(), password });
    expect(sameEmail.status).toBe(409);
    expect(await sameEmail.json()).toMatchObject({ code: 'email_taken' });

    const sameName = await signup({ email: newEmail(), password, username });
    expect(sameName.status).toBe(409);
    expect(await sameName.json()).toMatchObject({ code: 'username_taken' });
  });

  it.each(['role', 'roles', 'id', 'email_verified', 'emailVerified', 'is_admin', '__proto__', 'constructor'])(
    // Proves ASVS 2.2.1; ASVS 8.2.3; ASVS 15.3.3; ASVS 15.3.6.
    'a sign-up with the unknown member %s is refused',
    async (member) => {
      const body = `{"email":"${newEmail()}","password":"${password}","${member}":"admin"}`;
      const response = await client('POST', '/auth/signup', {
        body,
        headers: { 'Content-Type': 'application/json' },
      });
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({
        code: 'validation_failed',
        errors: [{ pointer: `/${member}` }],
      });
    },
  );

  // Proves ASVS 2.2.1.
  it('a refused sign-up names every wrong member at once', async () => {
    const response = await signup({ email: 'nobody', username: 'A!' });
    expect(response.status).toBe(422);
    const { errors } = await response.json<{ errors: { pointer: string; code: string }[] }>();
    expect(errors.map(({ pointer, code }) => `${pointer} ${code}`)).toEqual(
      expect.arrayContaining([
        '/email invalid',
        '/password required',
        '/username too_short',
        '/username invalid',
      ]),
    );
  });

  it.each([
    [{ email: 5, password }, '/email', 'must be an e-mail address'],
    [{ email: 'ada@example.com', password: 5 }, '/password', 'must be a text'],
    [{ email: 'ada@example.com', password, username: true }, '/username', 'must be a text'],
  ])('a sign-up with %o is refused at %s: %s', async (json, pointer, detail) => {
    const response = await signup(json);
    expect(response.status).toBe(422);
    const { errors } = await response.json<{ errors: object[] }>();
    expect(errors).toContainEqual(expect.objectContaining({ pointer, detail }));
    expect(JSON.stringify(errors)).not.toMatch(/Invalid|expected|received/);
  });

  it.each(["o'hara+x", 'a&b', 'a=b', 'a/b', '!#$%*?^_`{|}~', 'a.b-c'])(
    'an address may have %s before the @',
    async (local) => {
      const email = `${local}@${crypto.randomUUID()}.example.com`;
      expect((await signup({ email, password })).status).toBe(201);
    },
  );

  it.each([
    'example-.com',
    '-example.com',
    `${'x'.repeat(64)}.com`,
    'example.c',
    'example.123',
    'example..com',
    'com',
  ])('an address at the host %s is refused', async (host) =>
    expect((await signup({ email: `ada@${host}`, password })).status).toBe(422),
  );

  it.each(['.ada', 'ada.', 'a..b', 'a b', 'a"b', 'a(b', ''])(
    'an address with %s before the @ is refused',
    async (local) => expect((await signup({ email: `${local}@example.com`, password })).status).toBe(422),
  );

  it('an address may have a top-level domain outside of ASCII, in the form that DNS uses', async () => {
    const email = `ada@${crypto.randomUUID()}.xn--p1ai`;
    expect((await signup({ email, password })).status).toBe(201);
  });

  it.each([
    ['a NUL', 'a\0b'],
    ['half a surrogate pair', 'a\ud800b'],
  ])('a password with %s is refused', async (_, text) => {
    const response = await signup({ email: newEmail(), password: text });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ errors: [{ pointer: '/password', code: 'not_text' }] });
  });

  // Proves ASVS 6.2.8; ASVS 6.2.9.
  it('a password of more than 1024 bytes is refused, however few characters it has', async () => {
    const emoji = Array.from({ length: 256 }, (_, i) => String.fromCodePoint(0x1f300 + ((i * 37) % 256)));
    expect((await signup({ email: newEmail(), password: `${emoji.join('')}x` })).status).toBe(422);
    expect((await signup({ email: newEmail(), password: emoji.join('') })).status).toBe(201);
  });

  // Proves ASVS 6.2.1; ASVS 6.2.5.
  it('a password with fewer characters than the policy asks for is refused', async () => {
    for (const short of ['thirteen chars'.slice(0, 13), '\u{1f98b}'.repeat(13), 'e\u0301'.repeat(13)]) {
      const response = await signup({ email: newEmail(), password: short });
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({
        code: 'weak_password',
        errors: expect.arrayContaining([
          { pointer: '/password', code: 'too_short', detail: 'at least 14 characters' },
        ]),
      });
    }
    expect((await signup({ email: newEmail(), password: 'fourteen chars' })).status).toBe(201);
    const lenient = createClient({ PASSWORD_MIN_LENGTH: '8' });
    expect(
      (await lenient('POST', '/auth/signup', { json: { email: newEmail(), password: 'kvq8zrp4h' } })).status,
    ).toBe(201);
  });

  // Proves ASVS 2.3.4; ASVS 15.4.2.
  it('one of 50 parallel sign-ups of one mailbox wins', async () => {
    const email = newEmail();
    const cases = Array.from({ length: 50 }, (_, i) =>
      [...email].map((letter, at) => ((i >> (at % 6)) & 1 ? letter.toUpperCase() : letter)).join(''),
    );
    const clients = cases.map(() => createClient());
    const responses = await Promise.all(
      cases.map((spelling, i) =>
        clients[i]?.('POST', '/auth/signup', { json: { email: spelling, password } }),
      ),
    );
    const statuses = responses.map((response) => response?.status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(49);
  });
});
