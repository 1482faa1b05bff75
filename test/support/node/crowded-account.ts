import type { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { contextOf as contextWith, gate, type Session } from '../../../scripts/bench/scale/questions.ts';
import { createOwnAccountSql } from '../../../src/accounts/sql/own-account.ts';
import { createExportOwnAccount } from '../../../src/accounts/sql/own-records.ts';
import type { Database } from '../../../src/platform/db/client.ts';
import { newSession, type SessionPolicy } from '../../../src/sessions/rules/session.ts';
import { createRefresh } from '../../../src/sessions/sql/refresh.ts';
import { createSessionSql } from '../../../src/sessions/sql/sessions.ts';

/** One account with very many sessions and events. None of its requests may take longer for that. */
type CrowdedAccount = Session & { readonly changedAt: Date };

const policy: SessionPolicy = {
  refreshTtlSeconds: 604_800,
  absoluteTtlSeconds: 2_592_000,
  reuseGraceSeconds: 60,
  lateMax: 3,
  maxPerAccount: 100,
};

/** Makes the account. Its sessions are an hour old; the one that it acts with is newer than all of them. */
export const addCrowdedAccount = async (
  client: Client,
  count: number,
  state: 'live' | 'ended',
): Promise<CrowdedAccount> => {
  const changedAt = new Date(Date.now() - 3_600_000);
  const userId = uuidv7({ msecs: changedAt.getTime() });
  const sessionId = uuidv7();
  await client.query(
    `insert into users (id, email, email_verified_at, password_hash, password_changed_at, created_at, updated_at)
     values ($1, $2, $3, 'x', $3, $3, $3)`,
    [userId, `${userId}@crowded.example`, changedAt],
  );
  // Ids of an hour ago in the order of n, as UUIDv7 has them.
  const sessions = `
    insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at, revoked_at, revoked_reason, ip, user_agent)
    select (substr($2::text, 1, 15) || lpad(to_hex(n / 4096), 3, '0') || '-8' || lpad(to_hex(n % 4096), 3, '0') || '-' || substr(md5(n::text), 1, 12))::uuid,
      $1::uuid, $3, $3, now() + interval '7 days', now() + interval '30 days', $4::timestamptz, $5::text, '198.51.100.7',
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36'
    from generate_series(1, $6::int) n`;
  const endedAt = state === 'ended' ? changedAt : null;
  const reason = state === 'ended' ? 'logout' : null;
  const firstId = uuidv7({ msecs: changedAt.getTime() });
  await client.query(sessions, [userId, firstId, changedAt, endedAt, reason, count]);
  await client.query(
    `insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at)
     values ($1, $2, now(), now(), now() + interval '7 days', now() + interval '30 days')`,
    [sessionId, userId],
  );
  await client.query(
    `insert into audit_events (id, type, actor_id, subject_id, created_at, request_id)
     select gen_random_uuid(), 'session.opened', $1::uuid, $1::uuid, $2, 'bench' from generate_series(1, $3::int)`,
    [userId, changedAt, count],
  );
  return { userId, sessionId, changedAt };
};

const contextOf = (account: CrowdedAccount) => contextWith(account, 'users:read');

type CrowdedQuestion = {
  readonly name: string;
  readonly ask: (db: Database, account: CrowdedAccount) => Promise<unknown>;
};

const newId = (now: Date) => uuidv7({ msecs: now.getTime() });
const parts = { newId, gate, config: { password: { maxAgeDays: 90 } } };
const sessionsOf = (db: Database) => createSessionSql({ db, newId, gate });

export const crowdedQuestions: readonly CrowdedQuestion[] = [
  {
    name: 'login',
    ask: (db, account) => {
      const ctx = contextOf(account);
      const session = newSession(newId(ctx.now), '', policy, ctx.now);
      const { userId, changedAt } = account;
      return sessionsOf(db).open(ctx, { userId, passwordChangedAt: changedAt }, session, newId(ctx.now));
    },
  },
  {
    name: 'refresh',
    ask: (db, account) =>
      createRefresh({ db, newId, verifiedOnly: true })(
        contextOf(account),
        { sessionId: account.sessionId, counter: 0 },
        policy,
      ),
  },
  {
    name: 'me',
    ask: (db, account) => createOwnAccountSql({ db, ...parts }).find(contextOf(account)),
  },
  {
    name: 'list of sessions',
    ask: (db, account) => sessionsOf(db).listOwn(contextOf(account), { cursor: null, limit: 50 }),
  },
  {
    name: 'page of the export',
    ask: (db, account) =>
      createExportOwnAccount({ db, ...parts })(contextOf(account), { cursor: null, limit: 1000 }),
  },
];
