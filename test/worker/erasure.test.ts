import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { newAdmin } from '../support/worker/administrators.ts';
import { createClient, newAccount, password, silentQueue } from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import { runSchedule } from '../support/worker/invocations.ts';
import { expectProblem } from '../support/worker/problem.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });

const addSessions = (userId: string, count: number) =>
  sql.query(
    `insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent)
     select gen_random_uuid(), $1::uuid, now(), now(), now() + interval '1 day', now() + interval '1 day', '198.51.100.7', 'x'
     from generate_series(1, $2::int)`,
    [userId, count],
  );
/** Of its own doing, of nobody known, and of its doing to another account, in turn. */
const addEvents = (userId: string, count: number) =>
  sql.query(
    `insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id)
     select gen_random_uuid(), 'login.failed', case n % 3 when 0 then null else $1::uuid end,
       case n % 3 when 1 then gen_random_uuid() else $1::uuid end, now(), '198.51.100.7', 'x', case n % 2 when 0 then 'erased' else 'y' end
     from generate_series(1, $2::int) n`,
    [userId, count],
  );
const left = async (userId: string) => {
  const [row] = await sql`select
    (select count(*)::int from sessions where user_id = ${userId}) as sessions,
    (select count(*)::int from audit_events where (actor_id = ${userId} or (subject_id = ${userId} and actor_id is null))
       and (ip is not null or user_agent is not null or request_id <> 'erased')) as events,
    (select count(*)::int from erasures where account_id = ${userId}) as erasures`;
  return row as { sessions: number; events: number; erasures: number };
};
/** As if the deletion were long enough ago that no request can still write about the account. */
const settle = (userId: string) =>
  sql`update erasures set created_at = now() - interval '10 minutes' where account_id = ${userId}`;
const run = () => runSchedule({ ...env, LOG_LEVEL: 'error' } as never);

const remove = (bearer: string) => client('DELETE', '/users/me', { bearer, json: { password } });

describe('the deletion of an account', () => {
  it('the deletion of an account of the usual size leaves nothing, and the next run completes its erasure', async () => {
    const { access_token: bearer, user } = await newAccount(client);
    expect((await remove(bearer)).status).toBe(204);
    expect(await left(user.id)).toEqual({ sessions: 0, events: 0, erasures: 1 });
    await settle(user.id);
    await run();
    expect(await left(user.id)).toEqual({ sessions: 0, events: 0, erasures: 0 });
  });

  it.each([
    ['its owner', 20_000],
    ['an administrator', 3_000],
  ])(
    'a deletion by %s touches a bounded number of rows, %i of each kind, and the purge does the rest',
    async (whose, many) => {
      const account = await newAccount(client);
      const { id } = account.user;
      await addSessions(id, many);
      await addEvents(id, many);
      const before = await left(id);
      const admin = whose === 'its owner' ? null : await newAdmin(client);
      const response = await (admin
        ? client('DELETE', `/users/${id}`, { bearer: admin.access_token })
        : remove(account.access_token));
      expect(response.status).toBe(204);

      const after = await left(id);
      expect(before.sessions - after.sessions).toBe(1_000);
      expect(before.events - after.events).toBe(1_000);
      expect(after.erasures).toBe(1);
      await expectProblem(
        await client('GET', '/auth/me', { bearer: account.access_token }),
        401,
        'session_revoked',
      );
      const refreshed = await client('POST', '/auth/refresh', {
        json: { refresh_token: account.refresh_token },
      });
      await expectProblem(refreshed, 401, 'refresh_token_invalid');

      await settle(id);
      await run();
      await run();
      expect(await left(id)).toEqual({ sessions: 0, events: 0, erasures: 0 });
    },
    60_000,
  );

  it('the deletion of an account takes two round trips, whatever its size', async () => {
    const quiet = createClient({ MAIL_QUEUE: silentQueue });
    const { access_token: bearer, user } = await newAccount(quiet);
    await addSessions(user.id, 3_000);
    const json = { password };
    expect(await countRoundTrips(() => quiet('DELETE', '/users/me', { bearer, json }))).toBe(2);
  });
});

describe("the minute's work", () => {
  it('an erasure stays open while a running request may still write about the account', async () => {
    const { access_token: bearer, user } = await newAccount(client);
    await remove(bearer);
    await run();
    expect(await left(user.id)).toEqual({ sessions: 0, events: 0, erasures: 1 });
    await addEvents(user.id, 4);
    await addSessions(user.id, 1);
    await settle(user.id);
    await run();
    expect(await left(user.id)).toEqual({ sessions: 0, events: 0, erasures: 0 });
  });

  it('the purge finds the sessions of an account that an older version deleted, and they open nothing meanwhile', async () => {
    const account = await newAccount(client);
    const { id } = account.user;
    // That version relies on the foreign key that there was.
    await sql`delete from users where id = ${id}`;
    await sql`insert into audit_events (id, type, subject_id, created_at, request_id)
              values (${crypto.randomUUID().replace(/^......../, 'ffffffff')}, 'account.deleted', ${id}, now(), 'test')`;
    const { access_token: bearer, refresh_token } = account;
    await expectProblem(await client('GET', '/auth/me', { bearer }), 401, 'session_revoked');
    await expectProblem(
      await client('POST', '/auth/refresh', { json: { refresh_token } }),
      401,
      'refresh_token_invalid',
    );
    expect((await client('POST', '/auth/logout', { bearer })).status).toBe(204);
    expect(await sql`select from audit_events where subject_id = ${id} and type = 'session.ended'`).toEqual(
      [],
    );
    expect((await left(id)).sessions).toBe(2);
    await run();
    expect((await left(id)).sessions).toBe(0);
  });

  it('an erasure does not wait behind erasures that have nothing left to do', async () => {
    await sql`insert into erasures (account_id, created_at)
              select gen_random_uuid(), now() - interval '1 second' from generate_series(1, 30)`;
    const { id } = (await newAccount(client)).user;
    await sql`delete from users where id = ${id}`;
    await sql`insert into erasures (account_id, created_at) values (${id}, now())`;
    await run();
    expect((await left(id)).sessions).toBe(0);
  });

  it('an erasure leaves the sessions and events of other accounts alone', async () => {
    const { user } = await newAccount(client);
    const before = await left(user.id);
    await run();
    expect(await left(user.id)).toEqual(before);
  });
});
