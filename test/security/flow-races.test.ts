import { describe, expect, inject, it } from 'vitest';
import { newAdmin } from '../support/worker/administrators.ts';
import { createClient, password, silentQueue } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { createProvider, withProvider } from '../support/worker/identity-provider.ts';
import { newRaceAccount, type RaceAccount } from '../support/worker/races/account.ts';
import { type Fact, type Flow, type FlowName, flows, nextPassword } from '../support/worker/races/flows.ts';
import { type Held, holdRows } from '../support/worker/races/held-rows.ts';
import { excludeEachOther, hits, mayHit, race, type Turn } from '../support/worker/races/race.ts';

const provider = createProvider();
const client = createClient({
  ...withProvider,
  // Hashes that cost little: what is raced is the database.
  MAIL_QUEUE: silentQueue,
  UPLOAD_QUEUE: silentQueue,
});

const names = Object.keys(flows) as FlowName[];
const unverified: readonly FlowName[] = ['verify the address', 'ask for the verification again'];
const isDone = ({ outcome }: Turn) => outcome === 'done';

/** The rules of outcomes: none is refused but for what the other one did, and no two are done that exclude each other. */
const brokenByOutcomes = (account: RaceAccount, turns: readonly [Turn, Turn]): string[] => {
  const [first, second] = turns;
  const refused = turns.filter((turn) => !isDone(turn));
  return [
    ...refused.flatMap(({ name, flow, outcome }) =>
      (flow.refusals as readonly string[]).includes(outcome) ? [] : [`${name} answers ${outcome}`],
    ),
    ...refused.flatMap((turn) => {
      const other = turn === first ? second : first;
      return turn.flow.mayFailAlone?.(account) || (isDone(other) && mayHit(other.flow, turn.flow))
        ? []
        : [`${turn.name} is refused by nothing`];
    }),
    ...(refused.length === 0 && excludeEachOther(first.flow, second.flow) ? ['both are done'] : []),
  ];
};

type State = { accounts: number; identities: number; sessions: number; live: string[] };

const stateOf = async ({ id, email, person, sessions }: RaceAccount): Promise<State> => {
  const ids = [sessions.own.id, sessions.other.id, sessions.spare.id];
  const [row] = await sql`
    select (select count(*) from users where id = ${id})::int as accounts,
      (select count(*) from identities i join users u on u.id = i.user_id where i.subject = ${person.sub})::int as identities,
      (select count(*) from sessions where user_id = ${id} or user_id = (select id from users where email = ${email}))::int as sessions,
      array(select s.id::text from sessions s join users u on u.id = s.user_id
            where s.id = any(${ids}::uuid[]) and s.revoked_at is null and u.disabled_at is null) as live`;
  return row as State;
};

/** The rule of rows: an account is there until it is deleted, and there are no more sessions than were opened. */
const brokenByRows = (turns: readonly Turn[], { accounts, identities, sessions }: State): string[] => {
  const done = turns.filter(isDone);
  const isDeleted = done.some(({ flow }) => flow.ends.includes('account'));
  // A change of password may give its session a new row.
  const opened = done.filter(({ flow }) => flow.opens === 'new session' || flow.password === 'sets').length;
  return [
    ...(accounts === (isDeleted ? 0 : 1) ? [] : [`${accounts} accounts`]),
    ...(identities <= 1 ? [] : [`${identities} identities of one subject`]),
    ...(sessions <= 3 + opened ? [] : [`${sessions} sessions, ${opened} of them opened`]),
  ];
};

/** The rule of sessions: those are over that a flow ends, and no others. */
const brokenBySessions = (account: RaceAccount, turns: readonly Turn[], { live }: State): string[] =>
  (['own', 'other', 'spare'] as const).flatMap((which) => {
    const fact: Fact = `${which} session`;
    const enders = turns.filter(isDone).map(({ flow }) => flow);
    const isLive = live.includes(account.sessions[which].id);
    if (isLive && enders.some(({ ends }) => ends.includes(fact))) return [`the ${fact} lives on`];
    const mayEnd = enders.some(({ ends, mayEnd = [] }) => [...ends, ...mayEnd].includes(fact));
    return isLive || mayEnd ? [] : [`the ${fact} has ended`];
  });

/** The rule of what is opened: it is live, unless the other flow ends sessions; and over, if that one came after it. */
const brokenByOpenings = async (account: RaceAccount, turns: readonly [Turn, Turn]): Promise<string[]> => {
  const broken: string[] = [];
  for (const turn of turns.filter(({ flow }) => flow.opens).filter(isDone)) {
    const other = turn === turns[0] ? turns[1] : turns[0];
    const endsSessions = isDone(other) && other.flow.ends.some((fact) => fact.endsWith('session'));
    const { status } = await account.client('GET', '/auth/me', { bearer: turn.bearer ?? '' });
    if (status === 200 && endsSessions && hits(other.flow, turn.flow))
      broken.push(`${turn.name} opens what outlives the other`);
    if (status !== 200 && !endsSessions) broken.push(`${turn.name} opens a session that answers ${status}`);
  }
  return broken;
};

/** The rules of passwords: one works, or none where it was taken away last. */
const brokenByPasswords = async (account: RaceAccount, turns: readonly [Turn, Turn]): Promise<string[]> => {
  const done = turns.filter(isDone);
  if (!done.some(({ flow }) => flow.password)) return [];
  if (
    done.some(({ flow }) =>
      [...flow.ends, ...(flow.mayEnd ?? [])].some((fact) => fact === 'account' || fact === 'enabled'),
    )
  )
    return [];
  const [row] = await sql`select email from users where id = ${account.id}`;
  const works = async (text: string) =>
    (await account.client('POST', '/auth/token', { json: { email: row?.email, password: text } })).status ===
    200;
  const broken = (await works(password)) ? ['the old password works'] : [];
  for (const [slot, { flow, name, outcome }] of turns.entries()) {
    if (flow.password !== 'sets') continue;
    const other = turns[1 - slot];
    const isTaken = other && isDone(other) && hits(other.flow, flow);
    const expected = outcome === 'done' && !(isTaken && other.flow.password === 'takes');
    const mayBeTaken = other && isDone(other) && (other.flow.mayEnd ?? []).includes('password');
    if ((await works(nextPassword(slot))) !== expected && !mayBeTaken)
      broken.push(`the password of ${name} ${expected ? 'does not work' : 'works'}`);
  }
  return broken;
};

const concurrently = async <T>(items: readonly T[], width: number, work: (item: T) => Promise<void>) => {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of queue) await work(item);
    }),
  );
};

const locksAuthority = (name: FlowName): boolean => (flows[name] as Flow).locksAuthority ?? false;
const writesSessions = (name: FlowName): boolean =>
  name === 'refresh' || flows[name].ends.some((fact) => fact.endsWith('session'));

const brokenIn = async (
  admin: string,
  pair: readonly [FlowName, FlowName],
  held: Held,
): Promise<string[]> => {
  const account = await newRaceAccount(client, !pair.some((name) => unverified.includes(name)));
  const turns = await race({ account, admin, provider }, pair, held);
  const state = await stateOf(account);
  const broken = [
    ...brokenByOutcomes(account, turns),
    ...brokenByRows(turns, state),
    ...brokenBySessions(account, turns, state),
    ...(await brokenByOpenings(account, turns)),
    ...(await brokenByPasswords(account, turns)),
  ];
  const outcomes = turns.map(({ outcome }) => outcome).join(', ');
  return broken.map((what) => `${pair.join(' + ')} (${held} held): ${outcomes}: ${what}`);
};

// The embedded database runs one transaction at a time, in which nobody waits for anybody.
const isEmbedded = inject('databaseKind') === 'embedded';

describe.skipIf(isEmbedded)('two flows over one account at the same time', () => {
  it.each(names)(
    '%s, before each of them',
    async (first) => {
      const { access_token: admin } = await newAdmin(client);
      const cells = names.flatMap((second) =>
        (['account', 'sessions'] as const)
          .filter((held) => held === 'account' || (writesSessions(first) && writesSessions(second)))
          .map((held) => ({ second, held })),
      );
      const broken: string[] = [];
      const runCell = async ({ second, held }: (typeof cells)[number]) => {
        broken.push(...(await brokenIn(admin, [first, second], held)));
      };
      // Those that wait for each other whatever the account are raced one pair at a time.
      const [alone = [], together = []] = [true, false].map((locks) =>
        cells.filter(({ second }) => [first, second].some(locksAuthority) === locks),
      );
      await Promise.all([concurrently(alone, 1, runCell), concurrently(together, 3, runCell)]);
      expect(broken).toEqual([]);
    },
    300_000,
  );
});

describe.skipIf(isEmbedded)('two accounts that ask for the address of each other at the same time', () => {
  it('are both answered: neither waits for the other for ever', async () => {
    const pair = [await newRaceAccount(client, true), await newRaceAccount(client, true)] as const;
    const hold = await holdRows(pair[0].id, 'account');
    const responses: Promise<Response>[] = [];
    for (const [place, { client: send, sessions }] of pair.entries()) {
      const json = { password, email: pair[1 - place]?.email };
      responses.push(send('POST', '/auth/email/change', { bearer: sessions.own.bearer, json }));
      await hold.untilWaiting(responses.length);
    }
    await hold.release();
    expect((await Promise.all(responses)).map(({ status }) => status)).toEqual([202, 202]);
  });
});
