import { describe, expect, it, vi } from 'vitest';
import { createClient, newAccount, newEmail, password, silentQueue } from '../support/worker/client.ts';
import { raceRounds, sql } from '../support/worker/database.ts';
import {
  comeBack,
  createProvider,
  json,
  newPerson,
  type Person,
  sessionOf,
  setOut,
  signOn,
  verdictOf,
  withProvider,
} from '../support/worker/identity-provider.ts';

const provider = createProvider();
const client = createClient({
  ...withProvider,
  // Cheap hashes: the race is in the database.
  MAIL_QUEUE: silentQueue,
});
const rounds = raceRounds(20);
vi.setConfig({ testTimeout: 120_000 });

/** A person who has consented at the provider, before the callback. */
const readyToComeBack = async (person: Person) => {
  const { location, sealed } = await setOut(client);
  const to = provider.consent(location, person);
  return () => comeBack(client, to, sealed, json);
};

const atOnce = async (...people: Person[]): Promise<Response[]> => {
  const ready = await Promise.all(people.map(readyToComeBack));
  return Promise.all(ready.map((callback) => callback()));
};

const isOpen = ({ status }: Response) => status === 303;
const successes = (responses: readonly Response[]) => responses.filter(isOpen).length;

/** The accounts and identities of some addresses and subjects. */
const rowsOf = async (people: readonly Person[]) => {
  const emails = people.map(({ email }) => email ?? '');
  const [row] = await sql`
    with accounts as (select id from users where email = any(${emails}::text[]))
    select (select count(*) from accounts)::int as accounts,
      (select count(*) from identities where subject = any(${people.map(({ sub }) => sub)}::text[]))::int as identities,
      (select count(*) from sessions s join accounts a on a.id = s.user_id)::int as sessions`;
  return row;
};

const timesOver = async (round: (turn: number) => Promise<void>): Promise<void> => {
  for (let turn = 0; turn < rounds; turn++) await round(turn);
};

describe('two callbacks at the same time', () => {
  it('of one new identity make one account, and both log in', () =>
    timesOver(async () => {
      const person = newPerson();
      expect((await atOnce(person, person)).map(({ status }) => status)).toEqual([303, 303]);
      expect(await rowsOf([person])).toEqual({ accounts: 1, identities: 1, sessions: 2 });
    }));

  it('of one new identity whose address nobody vouches for make one account, and both log in', () =>
    timesOver(async () => {
      const person = newPerson({ email_verified: false });
      expect((await atOnce(person, person)).map(({ status }) => status)).toEqual([303, 303]);
      expect(await rowsOf([person])).toEqual({ accounts: 1, identities: 1, sessions: 2 });
    }));

  it('of two identities with one new address make one account, which has both', () =>
    timesOver(async () => {
      const email = newEmail();
      const people = [newPerson({ email }), newPerson({ email })];
      expect((await atOnce(...people)).map(({ status }) => status)).toEqual([303, 303]);
      expect(await rowsOf(people)).toEqual({ accounts: 1, identities: 2, sessions: 2 });
    }));

  it('of two identities with one new address, of which one is not vouched for, open what they own', () =>
    timesOver(async () => {
      const email = newEmail();
      const people = [newPerson({ email }), newPerson({ email, email_verified: false })];
      const responses = await atOnce(...people);
      const refused = responses.filter((response) => !isOpen(response));
      for (const response of refused) expect(await verdictOf(response)).toEqual([409, 'email_taken']);
      expect(refused).toHaveLength(1);
      expect(await rowsOf(people)).toEqual({ accounts: 1, identities: 1, sessions: 1 });
    }));

  it('of one identity with two new addresses make one account, and both log in', () =>
    timesOver(async () => {
      const [one, other] = [newPerson(), newPerson()];
      const people = [one, { ...other, sub: one.sub }];
      expect((await atOnce(...people)).map(({ status }) => status)).toEqual([303, 303]);
      expect(await rowsOf(people)).toEqual({ accounts: 1, identities: 1, sessions: 2 });
    }));

  it('of two identities that have changed their addresses crosswise both log in', () =>
    timesOver(async () => {
      const [one, other] = [newPerson(), newPerson()];
      await Promise.all([signOn(client, provider, one), signOn(client, provider, other)]);
      const crossed = [
        { ...one, email: other.email ?? '' },
        { ...other, email: one.email ?? '' },
      ];
      expect((await atOnce(...crossed, ...crossed)).map(({ status }) => status)).toEqual(Array(4).fill(303));
      expect(await rowsOf(crossed)).toEqual({ accounts: 2, identities: 2, sessions: 6 });
    }));

  it('of twenty of one identity make one account, and all log in', async () => {
    const person = newPerson();
    const responses = await atOnce(...Array<Person>(20).fill(person));
    expect(successes(responses)).toBe(20);
    expect(await rowsOf([person])).toEqual({ accounts: 1, identities: 1, sessions: 20 });
  });
});

describe('a callback of a new identity', () => {
  it('at the same time as a sign-up with its address gets the account, or is told that there is one', () =>
    timesOver(async () => {
      const person = newPerson();
      const callback = await readyToComeBack(person);
      const [back, signedUp] = await Promise.all([
        callback(),
        client('POST', '/auth/signup', { json: { email: person.email, password } }),
      ]);
      expect([
        [303, 409],
        [409, 201],
      ]).toContainEqual([back.status, signedUp.status]);
      const refused = isOpen(back) ? signedUp : back;
      expect(await verdictOf(refused)).toEqual([409, 'email_taken']);
      expect(await rowsOf([person])).toEqual({ accounts: 1, identities: isOpen(back) ? 1 : 0, sessions: 1 });
    }));
});

describe('a callback of a known identity', () => {
  const newcomer = async () => {
    const { user, access_token: bearer } = await newAccount(client);
    await sql`update users set email_verified_at = now() where id = ${user.id}`;
    const person = newPerson({ email: user.email });
    const response = await signOn(client, provider, person);
    expect(isOpen(response)).toBe(true);
    return { user, bearer, person, cookies: sessionOf(response), callback: await readyToComeBack(person) };
  };

  it('at the same time as the deletion of its account ends with it, or makes a new one', () =>
    timesOver(async () => {
      const { user, bearer, person, callback } = await newcomer();
      const [back, removed] = await Promise.all([
        callback(),
        client('DELETE', '/users/me', { bearer, json: { password } }),
      ]);
      expect([back.status, removed.status]).toEqual([303, 204]);
      const me = await client('GET', '/auth/me', { cookies: sessionOf(back) });
      const { accounts, identities } = (await rowsOf([person])) as { accounts: number; identities: number };
      const isNew = me.status === 200;
      expect([me.status, accounts, identities]).toEqual(isNew ? [200, 1, 1] : [401, 0, 0]);
      if (isNew) expect((await me.json<{ id: string }>()).id).not.toBe(user.id);
    }));

  it('at the same time as its own end is linked again, or logs in before', () =>
    timesOver(async () => {
      const { user, person, cookies, callback } = await newcomer();
      const [{ id } = {}] = await sql`select id from identities where subject = ${person.sub}`;
      const [back, unlinked] = await Promise.all([
        callback(),
        client('DELETE', `/users/me/identities/${id}`, { cookies }),
      ]);
      expect([back.status, unlinked.status]).toEqual([303, 204]);
      const me = await client('GET', '/auth/me', { cookies: sessionOf(back) });
      expect((await me.json<{ id: string }>()).id).toBe(user.id);
      const { identities } = (await rowsOf([person])) as { identities: number };
      expect([0, 1]).toContain(identities);
    }));
});
