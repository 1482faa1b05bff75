import { describe, expect, it } from 'vitest';
import { auditEventTypeNames } from '../../src/audit/rules.ts';
import { eventsAbout, newAccountAllowed, newAdmin } from '../support/worker/administrators.ts';
import { createClient, newAccount, newAddress, newEmail } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });
type AuditPage = {
  items: { id: string; type: string; subject_id: string; actor_id: string }[];
  next_cursor: string | null;
};

const read = async (bearer: string, query: string): Promise<AuditPage> => {
  const response = await client('GET', `/audit?${query}`, { bearer });
  expect(response.status).toBe(200);
  return response.json();
};

const readAll = async (bearer: string, query: string): Promise<AuditPage['items']> => {
  const first = await read(bearer, `${query}&limit=2`);
  const items = [...first.items];
  for (let cursor = first.next_cursor; cursor; ) {
    const next = await read(bearer, `${query}&limit=2&cursor=${cursor}`);
    items.push(...next.items);
    cursor = next.next_cursor;
  }
  return items;
};

const login = (email: string, given: string, by = client) =>
  by('POST', '/auth/token', { json: { email, password: given } });

describe('GET /audit', () => {
  it('lists the events about an account and by it, newest first and each once', async () => {
    const reader = await newAccountAllowed(client, 'audit:read');
    const admin = await newAdmin(client);
    const { user } = await newAccount(client);
    await client('PATCH', `/users/${user.id}`, {
      bearer: admin.access_token,
      json: { must_change_password: true },
    });

    // The sign-up has opened a session, and the login another one.
    const types = ['account.changed', 'session.opened', 'session.opened', 'account.signed_up'];
    const about = await readAll(reader.access_token, `user_id=${user.id}`);
    expect(about.map(({ type }) => type)).toEqual(types);
    const by = await readAll(reader.access_token, `user_id=${admin.user.id}`);
    expect(by.map(({ type }) => type)).toEqual(types);
    expect(by[0]).toMatchObject({ actor_id: admin.user.id, subject_id: user.id });
    expect(by.map(({ id }) => id)).toEqual(
      by
        .map(({ id }) => id)
        .toSorted()
        .reverse(),
    );

    const opened = await readAll(reader.access_token, `user_id=${admin.user.id}&type=session.opened`);
    expect(opened.map(({ type }) => type)).toEqual(['session.opened', 'session.opened']);
  });

  it('has one event for each session that a sign-up or a login opens', async () => {
    const { user } = await newAccount(client);
    const events = await eventsAbout(user.id);
    const [row] = await sql`select count(*)::int as sessions from sessions where user_id = ${user.id}`;
    expect(events.filter(({ type }) => type === 'session.opened')).toHaveLength(row?.sessions);
    expect(row?.sessions).toBe(2);
  });

  it('finds events by their type alone', async () => {
    const { access_token: bearer } = await newAccountAllowed(client, 'audit:read');
    const { items } = await read(bearer, 'type=account.signed_up&limit=5');
    expect(items.length).toBeGreaterThan(0);
    expect(new Set(items.map(({ type }) => type))).toEqual(new Set(['account.signed_up']));
  });

  it.each(['type=nonsense', 'user_id=7', 'cursor=x', 'limit=1000', 'since=2026-01-01'])(
    'refuses the query %s',
    async (query) => {
      const { access_token: bearer } = await newAccountAllowed(client, 'audit:read');
      await expectProblem(await client('GET', `/audit?${query}`, { bearer }), 422, 'validation_failed');
    },
  );
});

describe('the audit trail', () => {
  // Proves ASVS 16.3.1.
  it('records wrong passwords and the lock that follows, with address and device', async () => {
    const { user } = await newAccount(client);
    const address = newAddress();
    const guesser = createClient({ LOGIN_BRUTE_MAX_ATTEMPTS: '3' }, address);
    for (let attempt = 0; attempt < 5; attempt++) {
      await guesser('POST', '/auth/token', {
        json: { email: user.email, password: 'not the password' },
        headers: { 'User-Agent': 'a guesser' },
      });
    }
    const events = (await eventsAbout(user.id)).filter(({ type }) => type.startsWith('login.'));
    expect(events.map(({ type }) => type).toSorted()).toEqual([
      'login.failed',
      'login.failed',
      'login.failed',
      'login.locked',
    ]);
    expect(events.find(({ type }) => type === 'login.locked')).toMatchObject({ details: { by: 'pair' } });
    for (const { ip, user_agent, actor_id } of events) {
      expect({ ip, user_agent, actor_id }).toEqual({ ip: address, user_agent: 'a guesser', actor_id: null });
    }
  });

  it('records a guess at an unknown account without anything that was typed', async () => {
    const address = newAddress();
    const email = newEmail();
    await login(email, 'my other password 123', createClient({}, address));
    const events = await sql`select * from audit_events where ip = ${address}::inet`;
    expect(events).toMatchObject([{ type: 'login.failed', subject_id: null, details: {} }]);
    expect(JSON.stringify(events)).not.toContain(email);
  });

  it('records a wrong current password', async () => {
    const { user, access_token: bearer } = await newAccount(client);
    const json = { current_password: 'not the password', new_password: 'umbrella lantern orchard 47' };
    expect((await client('POST', '/auth/password', { bearer, json })).status).toBe(401);
    expect((await eventsAbout(user.id)).map(({ type }) => type)).toContain('login.failed');
  });

  it('contains only types of events that the catalogue names', async () => {
    const rows = await sql`select distinct type from audit_events`;
    expect(auditEventTypeNames).toEqual(expect.arrayContaining(rows.map(({ type }) => type)));
  });
});
