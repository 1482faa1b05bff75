import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { createClient, newAccount, password, type Tokens } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { createProvider, newPerson, signOn, withProvider } from '../support/worker/identity-provider.ts';
import { expectProblem } from '../support/worker/problem.ts';

const variables = { RATE_LIMIT_MAX: '1000', LOGIN_BRUTE_MAX_ATTEMPTS: '1000' };
const provider = createProvider();
const few = createClient({ ...variables, SESSION_MAX_PER_ACCOUNT: '3' });

const login = async (email: string, by = few, headers: Record<string, string> = {}) => {
  const response = await by('POST', '/auth/token', {
    json: { email, password, scope: 'offline_access' },
    headers,
  });
  expect(response.status).toBe(200);
  return response.json<Required<Tokens>>();
};
const me = (bearer: string) => few('GET', '/auth/me', { bearer });
const live = async (userId: string): Promise<string[]> =>
  (
    await sql`select id from sessions where user_id = ${userId} and revoked_at is null and expires_at > now() order by id desc`
  ).map(({ id }) => String(id));
/** Sessions of an hour ago, older than any that a test opens. */
const hourAgo = uuidv7({ msecs: Date.now() - 3_600_000 }).slice(0, 13);
const addSessions = (userId: string, count: number, expires = '1 day') =>
  sql.query(
    // Ids of an hour ago: the purge of another test deletes rows by the time in their ids.
    `insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent)
     select ($4 || '-7000-8000-' || lpad(to_hex(n), 4, '0') || substr(md5($1::text), 1, 8))::uuid, $1::uuid, now(),
       now() - interval '1 hour', now() + $3::interval, now() + interval '2 days', '198.51.100.7', 'an old browser'
     from generate_series(1, $2::int) n`,
    [userId, count, expires, hourAgo],
  );

describe('SESSION_MAX_PER_ACCOUNT', () => {
  it('ends the oldest session at the login that is one too many', async () => {
    const first = await newAccount(few); // a sign-up and a login
    const second = await login(first.user.email);
    const third = await login(first.user.email);
    expect(await live(first.user.id)).toHaveLength(3);
    await login(first.user.email);
    expect(await live(first.user.id)).toHaveLength(3);
    await expectProblem(await me(first.access_token), 401, 'session_revoked');
    const refused = await few('POST', '/auth/refresh', { json: { refresh_token: first.refresh_token } });
    await expectProblem(refused, 401, 'session_revoked');
    for (const each of [second, third]) expect((await me(each.access_token)).status).toBe(200);
    const reasons =
      await sql`select revoked_reason from sessions where user_id = ${first.user.id} and revoked_at is not null`;
    expect(reasons.map(({ revoked_reason }) => revoked_reason)).toEqual(['session_limit', 'session_limit']);
  });

  it('leaves the sessions of other accounts alone', async () => {
    const [one, other] = [await newAccount(few), await newAccount(few)];
    for (let i = 0; i < 4; i++) await login(one.user.email);
    expect((await me(other.access_token)).status).toBe(200);
  });

  it('is exact when parallel logins have waited for the account together', async () => {
    const { user } = await newAccount(few);
    const held = sql.transaction([
      sql`select from users where id = ${user.id} for update`,
      sql`select pg_sleep(2)`,
    ]);
    await Promise.all([held, ...Array.from({ length: 6 }, () => login(user.email))]);
    expect(await live(user.id)).toHaveLength(3);
    expect(await sql`select from sessions where user_id = ${user.id}`).toHaveLength(8);
  });

  it('holds for single sign-on too', async () => {
    const withAcme = createClient({ ...withProvider, ...variables, SESSION_MAX_PER_ACCOUNT: '2' });
    const person = newPerson();
    for (let i = 0; i < 4; i++) await signOn(withAcme, provider, person);
    const [user] = await sql`select id from users where email = ${person.email}`;
    expect(await live(user?.id)).toHaveLength(2);
  });

  it('does not count expired sessions, and closes them as of their expiry', async () => {
    const { user, refresh_token } = await newAccount(few);
    await sql`delete from sessions where user_id = ${user.id} and scope = ''`;
    await addSessions(user.id, 20, '-1 minute');
    const [before] =
      await sql`select expires_at from sessions where user_id = ${user.id} and expires_at < now() limit 1`;
    await login(user.email);
    await login(user.email);
    expect((await few('POST', '/auth/refresh', { json: { refresh_token } })).status).toBe(200);
    const closed =
      await sql`select distinct revoked_at, revoked_reason from sessions where user_id = ${user.id} and expires_at < now()`;
    expect(closed).toEqual([{ revoked_at: before?.expires_at, revoked_reason: null }]);
  });

  it('ends at most 500 surplus sessions at once, and all of them in the end', async () => {
    const { user } = await newAccount(few);
    await addSessions(user.id, 1_200);
    const counts: number[] = [];
    for (let i = 0; i < 4; i++) {
      await login(user.email);
      counts.push((await live(user.id)).length);
    }
    expect(counts).toEqual([703, 204, 3, 3]);
  });

  it('is 100 by default', async () => {
    const usual = createClient(variables);
    const { user } = await newAccount(usual);
    await addSessions(user.id, 150);
    await login(user.email, usual);
    expect(await live(user.id)).toHaveLength(100);
  });
});
