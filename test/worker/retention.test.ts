import { env } from 'cloudflare:test';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { createClient, newAccount } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { runSchedule } from '../support/worker/invocations.ts';

const client = createClient();
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
const idOf = (at: Date) => uuidv7({ msecs: at.getTime() });

const newEvent = async (at: Date): Promise<string> => {
  const id = idOf(at);
  await sql`insert into audit_events (id, type, created_at, request_id) values (${id}, 'login.failed', ${at}, 'test')`;
  return id;
};
const newSession = async (userId: string, at: Date): Promise<string> => {
  const id = idOf(at);
  await sql`insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at)
            values (${id}, ${userId}, ${at}, ${at}, ${at}, ${at})`;
  return id;
};
const newToken = async (userId: string, at: Date): Promise<string> => {
  const id = idOf(at);
  await sql`insert into one_time_tokens (id, user_id, purpose, email, created_at, expires_at)
            values (${id}, ${userId}, 'verify_email', 'a@example.com', ${at}, ${at})`;
  return id;
};

const left = async (
  table: 'audit_events' | 'sessions' | 'one_time_tokens',
  ids: string[],
): Promise<string[]> => {
  const rows = await sql.query(`select id from ${table} where id = any($1::uuid[])`, [ids]);
  return rows.map((row) => String((row as { id: string }).id)).toSorted();
};

const run = (variables: Record<string, string> = {}) =>
  runSchedule({ ...env, LOG_LEVEL: 'error', ...variables } as never);

describe('the scheduled purge', () => {
  it('deletes audit events, sessions and tokens after their retention, and none before', async () => {
    const { user } = await newAccount(client);
    const events = [await newEvent(daysAgo(366)), await newEvent(daysAgo(364))];
    // By default a session lasts 30 days at most, and is kept for 90 more.
    const sessions = [await newSession(user.id, daysAgo(121)), await newSession(user.id, daysAgo(119))];
    const tokens = [await newToken(user.id, daysAgo(38)), await newToken(user.id, daysAgo(36))];
    await run();
    expect(await left('audit_events', events)).toEqual([events[1]]);
    expect(await left('sessions', sessions)).toEqual([sessions[1]]);
    expect(await left('one_time_tokens', tokens)).toEqual([tokens[1]]);
  });

  it('keeps the audit trail for AUDIT_RETENTION_DAYS, and for ever if that is 0', async () => {
    const event = await newEvent(daysAgo(300));
    await run({ AUDIT_RETENTION_DAYS: '0' });
    await run({ AUDIT_RETENTION_DAYS: '301' });
    expect(await left('audit_events', [event])).toEqual([event]);
    await run({ AUDIT_RETENTION_DAYS: '299' });
    expect(await left('audit_events', [event])).toEqual([]);
  });
});
