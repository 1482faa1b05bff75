import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Client,
  cookiesOf,
  createBrowser,
  createClient,
  newAccount,
  newEmail,
  password,
  type Tokens,
} from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import { codeIn, mailsTo, tokenIn } from '../support/worker/mail.ts';
import { operations } from '../support/worker/routes.ts';

const client = createClient();
const verify = (json: Record<string, string>, by: Client = client) =>
  by('POST', '/auth/email/verify', { json });
const resend = (email: string, by: Client = client) => by('POST', '/auth/email/resend', { json: { email } });
const isVerified = async (bearer: string) =>
  (await (await client('GET', '/auth/me', { bearer })).json<{ email_verified: boolean }>()).email_verified;
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('POST /auth/email/verify', () => {
  it('the token of a sign-up mail proves the address, and a second use says so and writes nothing', async () => {
    const account = await newAccount(client);
    const token = await tokenIn(account.user.email, 'verify_email', 'verify_email');
    expect(await isVerified(account.access_token)).toBe(false);
    expect(await countRoundTrips(() => verify({ token }))).toBe(1);
    expect(await isVerified(account.access_token)).toBe(true);
    const before = await sql`select * from users where id = ${account.user.id}`;
    later(1);
    expect((await verify({ token })).status).toBe(204);
    expect(await sql`select * from users where id = ${account.user.id}`).toEqual(before);
  });

  // Proves ASVS 6.4.1.
  it('the code of a mail proves the address for ten minutes', async () => {
    const [prompt, late] = [await newAccount(client), await newAccount(client)];
    const code = await codeIn(prompt.user.email);
    expect(code).toMatch(/^\d{6}$/);
    expect((await verify({ email: prompt.user.email.toUpperCase(), code })).status).toBe(204);
    expect(await isVerified(prompt.access_token)).toBe(true);

    const lateCode = await codeIn(late.user.email);
    later(600);
    expect((await verify({ email: late.user.email, code: lateCode })).status).toBe(400);
    const token = await tokenIn(late.user.email, 'verify_email', 'verify_email');
    later(85_000);
    expect((await verify({ token })).status).toBe(204);
  });

  it('a code in two groups, as people copy it, is accepted', async () => {
    const account = await newAccount(client);
    const code = await codeIn(account.user.email);
    const spaced = `${code.slice(0, 3)} ${code.slice(3)}\n`;
    expect((await verify({ email: account.user.email, code: spaced })).status).toBe(204);
  });

  it.each([
    [{}, '', 'either token, or email and code'],
    [{ token: 5 }, '/token', 'must be a text'],
    [{ email: 'ada@example.com' }, '/code', 'this member is required'],
    [{ email: 'ada@example.com', code: 123456 }, '/code', 'must be a text'],
    [{ email: 'ada@example.com', code: '12345' }, '/code', 'six digits'],
    [{ email: 'ada', code: '123456' }, '/email', 'must be an e-mail address: the @ is missing'],
  ])('a proof with %o is refused at %s: %s', async (json, pointer, detail) => {
    const response = await verify(json as Record<string, string>);
    expect(response.status).toBe(422);
    expect((await response.json<{ errors: object[] }>()).errors).toEqual([
      expect.objectContaining({ pointer, detail }),
    ]);
  });

  it('at most five of 50 parallel guesses count, and then the code is dead and further guesses are refused', async () => {
    const account = await newAccount(client);
    const { email } = account.user;
    const right = await codeIn(email);
    const wrong = Array.from({ length: 50 }, (_, i) =>
      String((Number(right) + 1 + i) % 1_000_000).padStart(6, '0'),
    );
    const responses = await Promise.all(wrong.map((code) => verify({ email, code }, createClient())));
    const statuses = responses.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array(10).fill(400), ...Array(40).fill(429)]);
    const [row] = await sql`select code_attempts from one_time_tokens where email = ${email}`;
    expect(row?.code_attempts).toBe(5);
    expect((await verify({ email, code: right })).status).toBe(429);
    expect(await isVerified(account.access_token)).toBe(false);
  });

  it('50 parallel uses of a token prove the address once, and all say so', async () => {
    const account = await newAccount(client);
    const token = await tokenIn(account.user.email, 'verify_email', 'verify_email');
    const responses = await Promise.all(Array.from({ length: 50 }, () => verify({ token }, createClient())));
    expect(responses.map(({ status }) => status)).toEqual(Array(50).fill(204));
    const verified = sql`
      select from audit_events where subject_id = ${account.user.id} and type = 'email.verified'`;
    expect(await verified).toHaveLength(1);
  });

  it('a proof lets an owner log in again who was locked out before', async () => {
    const by = createClient();
    const { email } = (await newAccount(by)).user;
    const login = (secret: string) => by('POST', '/auth/token', { json: { email, password: secret } });
    for (let attempt = 0; attempt < 5; attempt++) await login('wrong');
    expect((await login(password)).status).toBe(429);
    expect((await verify({ email, code: await codeIn(email) }, by)).status).toBe(204);
    expect((await login(password)).status).toBe(200);
  });

  it("does not take another address's code", async () => {
    const [one, two] = [await newAccount(client), await newAccount(client)];
    const code = await codeIn(one.user.email);
    expect((await verify({ email: two.user.email, code })).status).toBe(400);
  });
});

describe('POST /auth/email/resend', () => {
  it('every request for another mail gets the same answer, and a waiting address gets one mail a minute', async () => {
    const account = await newAccount(client);
    const { email } = account.user;
    const count = async () =>
      (await mailsTo(email)).filter(({ template }) => template === 'verify_email').length;
    expect(await count()).toBe(1);

    for (const address of [email, newEmail()]) {
      const response = await resend(address);
      expect(response.status).toBe(202);
      expect(await response.text()).toBe('{"status":"accepted"}');
    }
    expect(await count()).toBe(1);
    later(60);
    await Promise.all(Array.from({ length: 10 }, () => resend(email, createClient())));
    expect(await count()).toBe(2);

    expect((await verify({ token: await tokenIn(email, 'verify_email', 'verify_email') })).status).toBe(204);
    later(60);
    await resend(email);
    expect(await count()).toBe(2);
  });

  it('only the code of the newest mail counts', async () => {
    const { email } = (await newAccount(client)).user;
    const first = await codeIn(email);
    later(60);
    await resend(email);
    expect((await verify({ email, code: first })).status).toBe(400);
    expect((await verify({ email, code: await codeIn(email) })).status).toBe(204);
  });
});

describe('changing the address', () => {
  const change = (bearer: string, email: string, secret = password) =>
    client('POST', '/auth/email/change', { bearer, json: { password: secret, email } });

  const proved = async () => {
    const account = await newAccount(client);
    const token = await tokenIn(account.user.email, 'verify_email', 'verify_email');
    expect((await verify({ token })).status).toBe(204);
    return account;
  };

  it('what a stranger types is not mailed to an address that they have not proved', async () => {
    const { access_token: bearer, user } = await newAccount(client);
    const next = newEmail();
    expect((await change(bearer, next)).status).toBe(202);
    expect((await verify({ token: await tokenIn(next, 'verify_new_email', 'change_email') })).status).toBe(
      204,
    );
    const told = (await mailsTo(user.email)).filter(({ template }) => template.startsWith('email_change'));
    expect(told).toHaveLength(2);
    expect(JSON.stringify(told)).not.toContain(next);
  });

  it('an account moves to a new address after its proof, and the old address can undo the move for a week', async () => {
    const account = await proved();
    const [old, next] = [account.user.email, newEmail()];
    expect((await change(account.access_token, next)).status).toBe(202);
    const me = async () =>
      (await client('GET', '/auth/me', { bearer: account.access_token })).json<{ email: string }>();
    expect((await me()).email).toBe(old);

    expect((await verify({ token: await tokenIn(next, 'verify_new_email', 'change_email') })).status).toBe(
      204,
    );
    expect(await me()).toMatchObject({ email: next, email_verified: true });
    const told = (await mailsTo(old)).find(({ template }) => template === 'email_changed');
    expect(told?.details.new_email).toBe(next);

    const warned = (await mailsTo(old)).find(({ template }) => template === 'email_change_requested');
    expect(warned?.details.new_email).toBe(next);

    const restore = await tokenIn(old, 'email_changed', 'restore_email');
    later(7 * 86_400 - 60);
    expect((await client('POST', '/auth/email/restore', { json: { token: restore } })).status).toBe(204);
    expect((await client('GET', '/auth/me', { bearer: account.access_token })).status).toBe(401);
    // The password is gone, and the link sets another one.
    const login = (secret: string) =>
      client('POST', '/auth/token', { json: { email: old, password: secret } });
    expect((await login(password)).status).toBe(401);
    const json = { token: restore, password: 'umbrella lantern orchard 47' };
    expect((await client('POST', '/auth/password/reset', { json })).status).toBe(204);
    const { user } = await (await login(json.password)).json<Tokens>();
    expect(user).toMatchObject({ email: old, email_verified: true });
    expect((await client('POST', '/auth/email/restore', { json: { token: restore } })).status).toBe(204);
    expect((await login(json.password)).status).toBe(200);
  });

  // Proves ASVS 7.5.1.
  it('a change of address needs the password', async () => {
    const account = await newAccount(client);
    expect((await change(account.access_token, newEmail(), 'wrong')).status).toBe(401);
  });

  it('a change to an address that has an account tells that address, and the caller nothing', async () => {
    const [account, owner] = [await newAccount(client), await proved()];
    expect((await change(account.access_token, owner.user.email)).status).toBe(202);
    expect((await mailsTo(owner.user.email)).map(({ template }) => template)).toContain('account_exists');
  });

  it('a change that loses a race for its address loses nothing else', async () => {
    const account = await newAccount(client);
    const [old, next] = [account.user.email, newEmail()];
    await change(account.access_token, next);
    const token = await tokenIn(next, 'verify_new_email', 'change_email');
    await client('POST', '/auth/signup', { json: { email: next, password } });
    await verify({ token: await tokenIn(next, 'verify_email', 'verify_email') });
    const response = await verify({ token });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: 'email_taken' });
    const login = await client('POST', '/auth/token', { json: { email: old, password } });
    expect(login.status).toBe(200);
  });
});

describe('EMAIL_VERIFICATION', () => {
  const required = createClient({ EMAIL_VERIFICATION: 'required' });
  const signup = (by: Client, json: Record<string, string>) =>
    by('POST', '/auth/signup', { json: { password, ...json } });

  it('with EMAIL_VERIFICATION=required, a sign-up gets one answer for new, waiting and known addresses, and no token', async () => {
    const email = newEmail();
    const { email: known } = (await newAccount(client)).user;
    await verify({ token: await tokenIn(known, 'verify_email', 'verify_email') });
    const answers = [
      await signup(required, { email }),
      await signup(required, { email }),
      await signup(required, { email: known }),
    ];
    const lengths = new Set<number>();
    for (const answer of answers) {
      expect(answer.status).toBe(202);
      const [cookie, ...others] = cookiesOf(answer);
      expect(others).toEqual([]);
      expect(cookie?.[0]).toBe('itsor_session_signup');
      expect(cookie?.[1].attributes).toEqual(['Max-Age=86400', 'Path=/', 'HttpOnly', 'SameSite=Lax']);
      lengths.add(cookie?.[1].value.length ?? 0);
      expect(await answer.text()).toBe('{"status":"accepted"}');
    }
    expect(lengths.size).toBe(1);
    expect((await mailsTo(email)).map(({ template }) => template)).toEqual(['verify_email']);
    expect((await mailsTo(known)).map(({ template }) => template)).toContain('account_exists');
    expect(
      await sql`select s.id from sessions s join users u on u.id = s.user_id where u.email = ${email}`,
    ).toEqual([]);
  });

  it('with EMAIL_VERIFICATION=required, no login works before the proof, and its answer tells nothing of the account', async () => {
    const email = newEmail();
    const browser = createBrowser(required);
    await signup(browser, { email });
    const login = (secret: string) => required('POST', '/auth/token', { json: { email, password: secret } });
    for (const refused of [await login('wrong'), await login(password)]) {
      expect(refused.status).toBe(401);
      expect(await refused.json()).toMatchObject({
        code: 'invalid_credentials',
        detail: 'The account or the password is wrong, or the e-mail address is not confirmed yet.',
      });
    }
    const token = await tokenIn(email, 'verify_email', 'verify_email');
    expect((await verify({ token }, browser)).status).toBe(204);
    expect((await login(password)).status).toBe(200);
  });

  it('with EMAIL_VERIFICATION=required, an older session reaches its own account and the logout, and nothing else', async () => {
    const { access_token: bearer, refresh_token } = await newAccount(client);
    expect((await required('GET', '/auth/me', { bearer })).status).toBe(200);
    for (const [method, path, json] of [
      ['GET', '/auth/sessions', undefined],
      ['DELETE', `/auth/sessions/${crypto.randomUUID()}`, undefined],
      ['POST', '/auth/password', { current_password: password, new_password: 'another long phrase 42' }],
      ['POST', '/auth/email/change', { password, email: newEmail() }],
      ['POST', '/auth/refresh', { refresh_token }],
    ] as const) {
      const response = await required(method, path, { ...(path !== '/auth/refresh' && { bearer }), json });
      expect(await response.json(), path).toMatchObject({ status: 403, code: 'email_not_verified' });
      const documented = operations[`${method} ${path.replace(/[0-9a-f-]{36}$/, '{id}')}`]?.errors;
      expect(documented, path).toContain('email_not_verified');
    }
    expect((await required('POST', '/auth/logout', { bearer })).status).toBe(204);
    expect((await client('GET', '/auth/me', { bearer })).status).toBe(401);
  });

  it('with EMAIL_VERIFICATION=off, no verification mail is sent', async () => {
    const email = newEmail();
    const response = await signup(createClient({ EMAIL_VERIFICATION: 'off' }), { email });
    expect(response.status).toBe(201);
    expect(await mailsTo(email)).toEqual([]);
  });
});
