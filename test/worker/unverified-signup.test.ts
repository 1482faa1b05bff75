import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBrowser, createClient, newEmail, password, type Tokens } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { codeIn, mailsTo, tokenIn } from '../support/worker/mail.ts';

const required = { EMAIL_VERIFICATION: 'required' };
const client = createClient({ ...required, RATE_LIMIT_MAX: '10000' });
const attackers = 'what the attacker has chosen 17';
const post = (path: string, json: object, by = client) => by('POST', path, { json });

const newBrowser = () => createBrowser(client);
const signUp = (email: string, secret = password, username?: string, by = client) =>
  post('/auth/signup', { email, password: secret, ...(username !== undefined && { username }) }, by);
/** A sign-up in a browser of its own. @returns that browser */
const signedUp = async (email: string, secret = password, username?: string) => {
  const by = newBrowser();
  expect((await signUp(email, secret, username, by)).status).toBe(202);
  return by;
};
const verify = async (proof: object, by = client) => (await post('/auth/email/verify', proof, by)).status;
const login = (identifier: string, secret = password) =>
  post('/auth/token', { identifier, password: secret });
const linkIn = (email: string) => tokenIn(email, 'verify_email', 'verify_email');
const verified = async (secret = password, username?: string) => {
  const email = newEmail();
  const by = await signedUp(email, secret, username);
  expect(await verify({ token: await linkIn(email) }, by)).toBe(204);
  return email;
};
const newName = () => `name-${crypto.randomUUID().slice(0, 8)}`;
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);
const templates = async (email: string) => (await mailsTo(email)).map(({ template }) => template);
const secretsOf = (email: string) =>
  sql`select t.password_hash, t.username from one_time_tokens t where t.email = ${email} and (t.password_hash is not null or t.username is not null)`;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('a second step after a sign-up does not tell whether the address had an account', () => {
  // Proves ASVS 6.3.8.
  it('neither a login with the chosen password nor the count of such logins tells whether the address had an account', async () => {
    const seen = [];
    for (const email of [await verified(), newEmail()]) {
      expect((await signUp(email, attackers)).status).toBe(202);
      const answers = [];
      for (let attempt = 0; attempt < 6; attempt++) {
        const answer = await login(email, attackers);
        const { request_id: _, ...problem } = await answer.json<Record<string, unknown>>();
        answers.push([answer.status, problem]);
      }
      seen.push(answers);
    }
    expect(seen[0]?.map(([status]) => status)).toEqual([401, 401, 401, 401, 401, 429]);
    expect(seen[0]).toEqual(seen[1]);
  });

  // Proves ASVS 6.3.8.
  it('another sign-up with the chosen user name does not tell whether the address had an account', async () => {
    for (const email of [await verified(), newEmail()]) {
      const username = newName();
      expect((await signUp(email, attackers, username)).status).toBe(202);
      expect((await signUp(newEmail(), attackers, username)).status).toBe(202);
    }
  });

  it('a sign-up with the user name of the known account does not tell whether the address had an account', async () => {
    const username = newName();
    const owner = await verified(password, username);
    for (const email of [owner, newEmail(), await verified()])
      expect((await signUp(email, attackers, username)).status).toBe(409);
  });
});

describe('a sign-up that somebody else has made first', () => {
  it.each(['link', 'code'] as const)(
    'a stranger’s sign-up gives way to the one that the owner proves by %s, whose password alone works',
    async (by) => {
      const email = newEmail();
      const [theirs, ours] = [newName(), newName()];
      await signUp(email, attackers, theirs);
      const first = await linkIn(email);
      later(60);
      const owner = await signedUp(email, password, ours);
      expect(await templates(email)).toEqual(['verify_email', 'verify_email']);

      const proof = by === 'link' ? { token: await linkIn(email) } : { email, code: await codeIn(email) };
      expect(await verify(proof, owner)).toBe(204);
      expect((await login(email, attackers)).status).toBe(401);
      expect((await login(theirs, attackers)).status).toBe(401);
      expect((await (await login(ours)).json<Tokens>()).user).toMatchObject({ email, username: ours });
      expect(await verify({ token: first })).toBe(400);
      expect(await secretsOf(email)).toEqual([]);
    },
  );

  it('a reset sets the password of an account that waits, and ends the sign-ups of strangers', async () => {
    const email = newEmail();
    const theirs = await signedUp(email, attackers);
    const first = await linkIn(email);
    await post('/auth/password/forgot', { email });
    const token = await tokenIn(email, 'reset_password', 'reset_password');
    expect((await post('/auth/password/reset', { token, password })).status).toBe(204);
    expect(await verify({ token: first }, theirs)).toBe(400);
    expect((await login(email, attackers)).status).toBe(401);
    expect((await login(email)).status).toBe(200);
    expect(await secretsOf(email)).toEqual([]);
  });

  it('one of several sign-ups that are proved in parallel wins', async () => {
    const email = newEmail();
    const proofs: (() => Promise<number>)[] = [];
    for (let turn = 0; turn < 6; turn++) {
      const by = await signedUp(email, `${attackers} no. ${turn}`);
      const token = await linkIn(email);
      proofs.push(() => verify({ token }, by));
      later(60);
    }
    const statuses = await Promise.all(proofs.map((prove) => prove()));
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    expect(statuses.filter((status) => status === 400)).toHaveLength(5);
    const winner = statuses.indexOf(204);
    expect((await login(email, `${attackers} no. ${winner}`)).status).toBe(200);
  });

  it('repeated sign-ups of one address send its owner one mail a minute', async () => {
    const email = newEmail();
    await Promise.all(Array.from({ length: 10 }, () => signUp(email, attackers)));
    expect(await templates(email)).toEqual(['verify_email']);
    later(60);
    await Promise.all(Array.from({ length: 10 }, () => signUp(email, attackers)));
    expect(await templates(email)).toEqual(['verify_email', 'verify_email']);
  });

  it('a sign-up does not get an account that has more roles than a sign-up gives', async () => {
    const email = newEmail();
    const by = await signedUp(email, attackers);
    await sql`insert into user_roles (user_id, role_name) select id, 'admin' from users where email = ${email}`;
    const answer = await post('/auth/email/verify', { token: await linkIn(email) }, by);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ password_required: true, reset_token: expect.any(String) });
    expect((await login(email, attackers)).status).toBe(401);
    later(60);
    await signUp(email, attackers);
    expect(await templates(email)).toEqual(['account_exists', 'verify_email']);
  });
});

describe('the user name of a sign-up', () => {
  it('a user name that was taken meanwhile is left out of the proved account', async () => {
    const [email, username] = [newEmail(), newName()];
    const by = await signedUp(email, password, username);
    const winner = await verified(password, username);
    expect(await verify({ token: await linkIn(email) }, by)).toBe(204);
    expect((await (await login(username)).json<Tokens>()).user.email).toBe(winner);
    expect((await (await login(email)).json<Tokens>()).user).toMatchObject({ email, username: null });
  });

  it('one of the accounts that are proved in parallel gets the user name, and all are verified', async () => {
    const username = newName();
    const emails = Array.from({ length: 8 }, newEmail);
    const proofs = await Promise.all(
      emails.map(async (email) => {
        const by = await signedUp(email, password, username);
        const token = await linkIn(email);
        return () => verify({ token }, by);
      }),
    );
    expect(new Set(await Promise.all(proofs.map((prove) => prove())))).toEqual(new Set([204]));
    const rows =
      await sql`select username from users where email = any(${emails}) and username is not null and email_verified_at is not null`;
    expect(rows).toEqual([{ username }]);
  });
});

describe('a verification mail that is sent again', () => {
  it('a verification mail that is sent again completes the sign-up of its browser for a day', async () => {
    const [email, username] = [newEmail(), newName()];
    const by = await signedUp(email, password, username);
    later(86_399);
    await post('/auth/email/resend', { email });
    expect(await verify({ email, code: await codeIn(email) }, by)).toBe(204);
    expect((await login(username)).status).toBe(200);
  });

  it('a proof asks for a password where the sign-up is older than a day', async () => {
    const email = newEmail();
    const by = await signedUp(email);
    later(86_400);
    expect(await verify({ token: await linkIn(email) }, by)).toBe(400);
    await post('/auth/email/resend', { email });
    expect(await verify({ email, code: await codeIn(email) }, by)).toBe(200);
    expect((await login(email)).status).toBe(401);
  });
});

it('a login with the right password tells that an older account waits for its proof', async () => {
  const email = newEmail();
  await createClient()('POST', '/auth/signup', { json: { email, password } });
  expect((await login(email, 'wrong')).status).toBe(401);
  const refused = await login(email);
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ code: 'email_not_verified' });
  later(60);
  await signUp(email, attackers);
  expect(await templates(email)).toContain('account_exists');
  expect(await verify({ token: await linkIn(email) })).toBe(204);
  expect((await login(email)).status).toBe(200);
});

it('the audit trail of an account has the sign-ups of others for its address', async () => {
  const email = await verified();
  expect((await signUp(email, attackers)).status).toBe(202);
  const [owner] = await sql`select id from users where email = ${email}`;
  const events = await sql`select type from audit_events where subject_id = ${owner?.id} order by id`;
  expect(events.map(({ type }) => type).toSorted()).toEqual([
    'account.sign_up_repeated',
    'account.signed_up',
    'email.verified',
  ]);
});

it('the verification mail tells the place and the device of the sign-up', async () => {
  const email = newEmail();
  const headers = { 'User-Agent': 'the browser of somebody', 'CF-Connecting-IP': '203.0.113.9' };
  await client('POST', '/auth/signup', { json: { email, password }, headers });
  const [mail] = await mailsTo(email);
  expect(mail?.details).toMatchObject({ user_agent: 'the browser of somebody', ip: '203.0.113.9' });
});
