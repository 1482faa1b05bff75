import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createClient,
  newAccount,
  newEmail,
  password,
  silentQueue,
  type Tokens,
} from '../support/worker/client.ts';
import { countRoundTrips, raceSize, sql } from '../support/worker/database.ts';
import { answeredByTheClock } from '../support/worker/held-clock.ts';
import { mailsTo, tokenIn } from '../support/worker/mail.ts';

const client = createClient();
/** Its mails wait for the sweep, so that what is counted is the request's own. */
const quiet = createClient({ MAIL_QUEUE: silentQueue });
const nextPassword = 'a wholly different phrase 42';
const change = (bearer: string, current_password: string, new_password: string, by = client) =>
  by('POST', '/auth/password', { bearer, json: { current_password, new_password } });
const forgot = (email: string) => client('POST', '/auth/password/forgot', { json: { email } });
const reset = (token: string, to: string, by = client) =>
  by('POST', '/auth/password/reset', { json: { token, password: to } });
const login = (email: string, by = client, secret = password) =>
  by('POST', '/auth/token', { json: { identifier: email, password: secret, scope: 'offline_access' } });
const me = (bearer: string) => client('GET', '/auth/me', { bearer });
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('POST /auth/password', () => {
  // Proves ASVS 6.2.2.
  it('sets the password, keeps this session with new tokens, ends the others and tells the owner', async () => {
    const account = await newAccount(client);
    const { email } = account.user;
    const other = await (await login(email)).json<Required<Tokens>>();
    later(60);

    const response = await change(account.access_token, password, nextPassword);
    expect(response.status).toBe(200);
    const tokens = await response.json<Required<Tokens>>();
    expect(tokens.user.password_changed_at).not.toBe(account.user.password_changed_at);
    expect(response.headers.getSetCookie()).toHaveLength(3);
    expect((await me(tokens.access_token)).status).toBe(200);
    expect((await me(other.access_token)).status).toBe(401);
    expect((await mailsTo(email)).map(({ template }) => template)).toContain('password_changed');

    expect((await login(email)).status).toBe(401);
    expect((await login(email, client, nextPassword)).status).toBe(200);
    const refreshed = await client('POST', '/auth/refresh', {
      json: { refresh_token: tokens.refresh_token },
    });
    expect(refreshed.status).toBe(200);
  });

  // Proves ASVS 6.2.3.
  it('refuses a wrong current password, and counts it with the logins of the account', async () => {
    const by = createClient();
    const account = await newAccount(by);
    for (let i = 0; i < 5; i++) {
      expect((await change(account.access_token, `wrong ${i}`, nextPassword, by)).status).toBe(401);
    }
    const locked = await change(account.access_token, password, nextPassword, by);
    expect(locked.status).toBe(429);
    expect(await locked.json()).toMatchObject({ code: 'login_locked' });
    expect((await login(account.user.email, by)).status).toBe(429);
  });

  it('refuses the same password, and one that the policy refuses, at the member it came in', async () => {
    const account = await newAccount(client);
    for (const [next, code] of [
      [password, 'unchanged'],
      ['short', 'too_short'],
    ] as const) {
      const response = await change(account.access_token, password, next);
      expect(response.status).toBe(422);
      const body = await response.json<{ code: string; errors: { pointer: string; code: string }[] }>();
      expect(body.code).toBe('weak_password');
      expect(body.errors).toContainEqual(expect.objectContaining({ pointer: '/new_password', code }));
    }
    expect((await login(account.user.email)).status).toBe(200);
  });

  it('lets one of parallel changes win', async () => {
    const account = await newAccount(client);
    const responses = await Promise.all(
      Array.from({ length: 4 }, (_, i) => change(account.access_token, password, `${nextPassword} no. ${i}`)),
    );
    const statuses = responses.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.every((status) => [200, 401, 409].includes(status))).toBe(true);
  });

  it('takes two round trips', async () => {
    const account = await newAccount(quiet);
    expect(await countRoundTrips(() => change(account.access_token, password, nextPassword, quiet))).toBe(2);
  });
});

describe('POST /auth/password/forgot', () => {
  // Proves ASVS 6.3.8.
  it('answers the same for a known and an unknown address, and writes to the known one only', async () => {
    const { email } = (await newAccount(client)).user;
    const unknown = newEmail();
    const answers = await Promise.all([forgot(email.toUpperCase()), forgot(unknown)]);
    for (const answer of answers) {
      expect(answer.status).toBe(202);
      expect(await answer.text()).toBe('{"status":"accepted"}');
    }
    expect((await mailsTo(email)).map(({ template }) => template)).toContain('reset_password');
    expect(await mailsTo(unknown)).toEqual([]);
  });

  it('takes one round trip, for a known and an unknown address', async () => {
    const { email } = (await newAccount(quiet)).user;
    const ask = (to: string) => quiet('POST', '/auth/password/forgot', { json: { email: to } });
    expect(await countRoundTrips(() => ask(email))).toBe(1);
    expect(await countRoundTrips(() => ask(newEmail()))).toBe(1);
  });
});

describe('POST /auth/password/reset', () => {
  const asked = async (by = client) => {
    const account = await newAccount(by);
    const { email } = account.user;
    await forgot(email);
    return { account, email, token: await tokenIn(email, 'reset_password', 'reset_password') };
  };

  // Proves ASVS 6.4.3.
  it('sets the password once, ends every session, proves the address and tells the owner', async () => {
    const { account, email, token } = await asked();
    expect((await reset(token, nextPassword)).status).toBe(204);
    expect((await me(account.access_token)).status).toBe(401);
    const again = await login(email, client, nextPassword);
    expect(again.status).toBe(200);
    expect((await again.json<Tokens>()).user.email_verified).toBe(true);
    expect((await mailsTo(email)).map(({ template }) => template)).toContain('password_changed');

    const reused = await reset(token, 'yet another phrase, no. 43');
    expect(reused.status).toBe(400);
    expect(await reused.json()).toMatchObject({ code: 'token_invalid' });
  });

  it('lets in again who was locked out by wrong passwords, by address and by user name', async () => {
    const by = createClient();
    const [email, username] = [newEmail(), `name-${crypto.randomUUID().slice(0, 8)}`];
    await by('POST', '/auth/signup', { json: { email, username, password } });
    for (const identifier of [email, username]) {
      for (let attempt = 0; attempt < 5; attempt++) await login(identifier, by, 'wrong');
      expect((await login(identifier, by)).status).toBe(429);
    }
    await forgot(email);
    await reset(await tokenIn(email, 'reset_password', 'reset_password'), nextPassword, by);
    for (const identifier of [email, username])
      expect((await login(identifier, by, nextPassword)).status).toBe(200);
  });

  it('refuses the password that the account has, and keeps the token good', async () => {
    const { token } = await asked();
    const response = await reset(token, password.normalize('NFD'));
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      code: 'weak_password',
      errors: [{ pointer: '/password', code: 'unchanged' }],
    });
    expect((await reset(token, nextPassword)).status).toBe(204);
  });

  it('ends the other reset links of the account', async () => {
    const { email, token } = await asked();
    later(60);
    await forgot(email);
    const second = await tokenIn(email, 'reset_password', 'reset_password');
    expect(second).not.toBe(token);
    expect((await reset(token, nextPassword)).status).toBe(204);
    expect((await reset(second, 'yet another phrase, no. 43')).status).toBe(400);
  });

  // Proves ASVS 6.4.1.
  it('is good for 30 minutes', async () => {
    const { token } = await asked();
    later(30 * 60);
    expect((await reset(token, nextPassword)).status).toBe(400);
  });

  it('refuses a weak password and keeps the token good', async () => {
    const { email, token } = await asked();
    for (const weak of ['short', email]) {
      const response = await reset(token, weak);
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({ code: 'weak_password' });
    }
    expect((await reset(token, nextPassword)).status).toBe(204);
  });

  it('refuses a token of another purpose, a made-up and a changed one, with one answer', async () => {
    const { email, token } = await asked();
    const verification = await tokenIn(email, 'verify_email', 'verify_email');
    const flipped = token.slice(0, -1) + (token.endsWith('A') ? 'E' : 'A');
    for (const bad of [verification, 'made-up', flipped, token.toUpperCase(), `${token}x`]) {
      const response = await reset(bad, nextPassword);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'token_invalid' });
    }
  });

  it('sets a password for an account that had none', async () => {
    const { email, token } = await asked();
    await sql`update users set password_hash = null, password_changed_at = null where email = ${email}`;
    expect((await login(email)).status).toBe(401);
    expect((await reset(token, nextPassword)).status).toBe(204);
    expect((await login(email, client, nextPassword)).status).toBe(200);
  });

  // Proves ASVS 6.4.3.
  it('lets one of many parallel uses of a token succeed', { timeout: 120_000 }, async () => {
    const lenient = createClient({ RATE_LIMIT_MAX: '1000' });
    const { token } = await asked(lenient);
    const count = raceSize(50);
    const responses = await Promise.all(
      Array.from({ length: count }, (_, i) => reset(token, `${nextPassword} no. ${i}`, lenient)),
    );
    const statuses = responses.map(({ status }) => status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    expect(statuses.filter((status) => status === 400)).toHaveLength(count - 1);
  });

  // Proves ASVS 6.4.1.
  it('has one spelling, unused bits of its last character included', async () => {
    const { token } = await asked();
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.slice(-1));
    for (const bits of [1, 2, 3])
      expect((await reset(token.slice(0, -1) + alphabet[last + bits], nextPassword)).status).toBe(400);
    expect((await reset(token, nextPassword)).status).toBe(204);
  });

  it('leaves neither token nor code in the database', async () => {
    const { email, token } = await asked();
    const tables = await Promise.all([
      sql`select * from outbox where recipient = ${email}`,
      sql`select * from one_time_tokens where email = ${email}`,
      sql`select * from audit_events order by id desc limit 20`,
    ]);
    expect(JSON.stringify(tables)).not.toContain(token.split('.')[1]);
  });
});

// Proves ASVS 6.3.8.
describe.each(['/auth/password/forgot', '/auth/email/resend'])('POST %s', (path) => {
  it.each(['an account', 'no account'])(
    'answers by the clock, not by how much it writes: %s',
    async (kind) => {
      const by = createClient({ EMAIL_VERIFICATION: 'required', EVEN_ANSWER_MS: '150' });
      const email = kind === 'an account' ? (await newAccount(client)).user.email : newEmail();
      const send = () => by('POST', path, { json: { email } });
      expect((await answeredByTheClock(150, send)).status).toBe(202);
    },
  );
});
