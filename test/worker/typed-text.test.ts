import { describe, expect, it } from 'vitest';
import { newAdmin } from '../support/worker/administrators.ts';
import {
  createClient,
  newAccount,
  newAddress,
  newEmail,
  password,
  type Tokens,
} from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { codeIn, mailsTo, tokenIn } from '../support/worker/mail.ts';
import { expectProblem } from '../support/worker/problem.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });
const logIn = (identifier: string, by = client, typed = password) =>
  by('POST', '/auth/token', { json: { identifier, password: typed } });

/** An address at a domain outside ASCII: as people type it, and as it is stored. */
const newIdn = () => {
  const name = `ada-${crypto.randomUUID().slice(0, 8)}`;
  return {
    typed: `${name}@münchen.example`,
    capitals: `${name.toUpperCase()}@MÜNCHEN.Example`,
    ascii: `${name}@xn--mnchen-3ya.example`,
  };
};

describe('an address, however it is typed', () => {
  it('is one account at sign-up and at each way to log in', async () => {
    const { typed, capitals, ascii } = newIdn();
    const signUp = await client('POST', '/auth/signup', { json: { email: ` ${typed}\n`, password } });
    expect(signUp.status).toBe(201);
    expect((await signUp.json<Tokens>()).user.email).toBe(ascii);
    for (const spelling of [typed, capitals, ascii, `\t${ascii} `, `\u200b${typed}\u00a0`]) {
      expect((await logIn(spelling)).status).toBe(200);
      const form = { grant_type: 'password', username: spelling, password };
      expect((await client('POST', '/auth/token', { form })).status).toBe(200);
      const again = await client('POST', '/auth/signup', { json: { email: spelling, password } });
      await expectProblem(again, 409, 'email_taken');
    }
    expect(await sql`select from users where email like ${`%${ascii.slice(4, 12)}%`}`).toHaveLength(1);
  });

  it('is one account where only the look of the domain differs, and another where the domain does', async () => {
    const name = `eve-${crypto.randomUUID().slice(0, 8)}`;
    const signUp = (email: string) => client('POST', '/auth/signup', { json: { email, password } });
    expect((await signUp(`${name}@apple.example`)).status).toBe(201);
    for (const same of ['ａｐｐｌｅ.example', 'apple。example', 'ap\u00adple.example', 'APPLE.example'])
      await expectProblem(await signUp(`${name}@${same}`), 409, 'email_taken');
    for (const same of [
      `Eve <${name}@apple.example>`,
      `mailto:${name}＠apple.example,`,
      `\u200b"${name}@apple.example".`,
    ])
      await expectProblem(await signUp(same), 409, 'email_taken');
    const other = await signUp(`${name}@\u0430pple.example`);
    expect((await other.json<Tokens>()).user.email).toBe(`${name}@xn--pple-43d.example`);
    for (const none of [`${name}＠x＠apple.example`, `${name}@x@apple.example`, `${name}@apple.example:25`])
      await expectProblem(await signUp(none), 422, 'validation_failed');
    const problem = await expectProblem(
      await signUp(`${name}\u212a@apple.example`),
      422,
      'validation_failed',
    );
    expect(problem).toContain('before the @');
  });

  it('is counted once by the login guard, so that no spelling gives more guesses', async () => {
    const { typed, capitals, ascii } = newIdn();
    await client('POST', '/auth/signup', { json: { email: typed, password } });
    const strict = createClient({ RATE_LIMIT_MAX: '1000', LOGIN_BRUTE_MAX_ATTEMPTS: '3' }, newAddress());
    for (const spelling of [typed, `${capitals}\n`, ` ${ascii}`])
      await expectProblem(await logIn(spelling, strict, 'wrong'), 401, 'invalid_credentials');
    for (const spelling of [
      `\u200b${ascii}`,
      typed,
      ascii.toUpperCase(),
      `X <${ascii}>`,
      ascii.replace('@', '＠'),
    ])
      await expectProblem(await logIn(spelling, strict), 429, 'login_locked');
  });

  it('gets its mail at the stored address, and never at the typed one', async () => {
    const name = `mia-${crypto.randomUUID().slice(0, 8)}`;
    const email = `${name}@key.example`;
    await client('POST', '/auth/signup', { json: { email, password } });
    const typed = ` ${name}@\u212aEY.example\r\n`;
    expect((await client('POST', '/auth/password/forgot', { json: { email: typed } })).status).toBe(202);
    expect((await mailsTo(email)).map(({ template }) => template)).toContain('reset_password');
    expect(
      await sql`select from outbox where recipient like ${`${name}%`} and recipient <> ${email}`,
    ).toEqual([]);

    const token = await tokenIn(email, 'reset_password', 'reset_password');
    const reset = {
      token: `\n https://auth.test/reset-password?token=${token}\t`,
      password: ` ${password} `,
    };
    expect((await client('POST', '/auth/password/reset', { json: reset })).status).toBe(204);
    // A password is what was typed.
    await expectProblem(await logIn(email, client, password), 401, 'invalid_credentials');
    expect((await logIn(email, client, ` ${password} `)).status).toBe(200);
  });

  it('is proved by its code with blanks or a hyphen, in any spelling', async () => {
    const required = createClient({ RATE_LIMIT_MAX: '1000', EMAIL_VERIFICATION: 'required' });
    for (const group of [
      (code: string) => `${code.slice(0, 3)} ${code.slice(3)}\n`,
      (code: string) => `${code.slice(0, 3)}-${code.slice(3)}`,
    ]) {
      const { typed, capitals, ascii } = newIdn();
      const signUp = await required('POST', '/auth/signup', {
        json: { email: typed, password, scope: 'offline_access' },
      });
      const { signup_attempt: attempt } = await signUp.json<{ signup_attempt: string }>();
      const code = group(await codeIn(ascii));
      const proof = { email: ` ${capitals}`, code, signup_attempt: `${attempt}\n` };
      expect((await required('POST', '/auth/email/verify', { json: proof })).status).toBe(204);
      expect((await logIn(typed, required)).status).toBe(200);
    }
  });

  it('can be changed to and resent to in any spelling', async () => {
    const { access_token: bearer } = await newAccount(client);
    const { capitals, ascii } = newIdn();
    const json = { password, email: `${capitals} ` };
    expect((await client('POST', '/auth/email/change', { bearer, json })).status).toBe(202);
    const token = await tokenIn(ascii, 'verify_new_email', 'change_email');
    const proved = await client('POST', '/auth/email/verify', { bearer, json: { token: ` ${token}\r\n` } });
    expect(proved.status).toBe(204);
    const me = await client('GET', '/auth/me', { bearer });
    expect((await me.json<{ email: string }>()).email).toBe(ascii);
    const unchanged = await client('POST', '/auth/email/change', { bearer, json });
    expect(await expectProblem(unchanged, 422, 'validation_failed')).toContain('unchanged');
  });

  it('and a user name are stored by an administrator in the same spelling, and found by it', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const { typed, capitals, ascii } = newIdn();
    const username = `ada-${crypto.randomUUID().slice(0, 8)}`;
    const create = (json: object) => client('POST', '/users', { bearer, json: { password, ...json } });
    const made = await create({ email: ` ${typed}`, username: ` ${username.toUpperCase()}\n` });
    expect(await made.json()).toMatchObject({ email: ascii, username });
    await expectProblem(await create({ email: capitals }), 409, 'email_taken');
    await expectProblem(
      await create({ email: newEmail(), username: username.toUpperCase() }),
      409,
      'username_taken',
    );
    for (const q of [typed, ` ${capitals}`, ascii.slice(0, 15), ` ${username.toUpperCase()} `]) {
      const found = await client('GET', `/users?q=${encodeURIComponent(q)}`, { bearer });
      expect((await found.json<{ items: unknown[] }>()).items).toEqual([
        expect.objectContaining({ email: ascii }),
      ]);
    }
    expect((await logIn(`${username.toUpperCase()} `)).status).toBe(200);
  });
});

describe('an id in capitals', () => {
  it('is the same id in a path, and ends the session of the caller with its cookies', async () => {
    const { access_token: bearer } = await newAccount(client);
    const list = await client('GET', '/auth/sessions', { bearer });
    const { items } = await list.json<{ items: { id: string; current: boolean }[] }>();
    const own = items.find(({ current }) => current)?.id ?? '';
    const response = await client('DELETE', `/auth/sessions/${own.toUpperCase()}`, { bearer });
    expect(response.status).toBe(204);
    expect(response.headers.getSetCookie().join()).toMatch(/itsor_session=;.*itsor_session_refresh=;/);
    expect((await client('GET', '/auth/me', { bearer })).status).toBe(401);
  });

  it('names an account and a page as the id does', async () => {
    const { access_token: bearer, user } = await newAdmin(client);
    const read = await client('GET', `/users/${user.id.toUpperCase()}`, { bearer });
    expect(await read.json()).toMatchObject({ id: user.id });
    const pages = await Promise.all(
      [user.id, user.id.toUpperCase()].map((cursor) =>
        client('GET', `/users?limit=2&cursor=${cursor}`, { bearer }).then((page) => page.json()),
      ),
    );
    expect(pages[0]).toEqual(pages[1]);
  });
});
