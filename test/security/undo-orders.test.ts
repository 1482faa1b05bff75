import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, newEmail, password, silentQueue, type Tokens } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import {
  createProvider,
  newPerson,
  sessionOf,
  signOn,
  withProvider,
} from '../support/worker/identity-provider.ts';
import { strayToken } from '../support/worker/mail.ts';
import { createMoves, lenient, nextPassword } from '../support/worker/moves.ts';

const provider = createProvider();
const client = createClient({
  ...withProvider,
  ...lenient,
  LOGIN_BRUTE_MAX_ATTEMPTS: '100',
  MAIL_QUEUE: silentQueue,
});
const by = createMoves(client);
const thiefsPassword = 'marble kettle sparrow 83';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

/** What a thief does to an account, and its owner; each as often as the order of a test says, and whether it works or not. */
const theft = async () => {
  const owner = await by.newOwner();
  const person = newPerson({ email: owner.email });
  expect((await signOn(client, provider, person)).status).toBe(303);
  const login = await by.login(owner.email);
  const bearer = login?.access_token ?? '';
  const email = newEmail();
  const thief = newPerson({ email });
  /** Of every session that the thief gets. */
  const bearers = [bearer];
  const cookies: Record<string, string>[] = [];
  let isOwners = false;

  const link = async (arrivedAgo: number) => {
    vi.setSystemTime(Date.now() - arrivedAgo);
    cookies.push(sessionOf(await signOn(client, provider, thief)));
    vi.setSystemTime(Date.now() + arrivedAgo);
  };
  /** A token, or where no mail has brought it one that is not known. */
  const orStray = (token: Promise<string>) => token.catch(() => strayToken('restore_email'));

  const steps = {
    request: () => by.ask(bearer, email),
    confirm: () => by.confirm(email).catch(() => 400),
    link: () => link(0),
    /** A callback that came long before, and that a provider has kept waiting. */
    slowLink: () => link(3_600_000),
    /** By the mailbox that the account has moved to. */
    thiefReset: async () => {
      await by.reset(await orStray(by.forgot(email)), thiefsPassword);
      const again = await by.login(email, thiefsPassword);
      if (again) bearers.push(again.access_token);
    },
    reset: async () => {
      if ((await by.reset(await orStray(by.forgot(owner.email)))) === 204) isOwners = true;
    },
    /** By the owner, as long as they have a session: not an undo, as the thief still knows the password. */
    moveBack: () => by.move(owner.bearer, owner.email).catch(() => 400),
    restore: async () => {
      if ((await by.restore(await orStray(by.undoLink(owner.email)))) === 204) isOwners = true;
    },
  };

  return {
    steps,
    id: owner.id,
    thief,
    /** Whether the owner has got the account back at all. */
    isOwners: () => isOwners,
    /** The thief tries every link once more; an account that the thief creates at that address does not count. */
    expectThatNothingIsLeft: async () => {
      const before = await by.row(owner.id);
      expect(before.email).toBe(owner.email);
      const back = sessionOf(await signOn(client, provider, thief));
      await by.reset(await orStray(by.forgot(email)), thiefsPassword);
      const undo = await orStray(by.undoLink(email));
      expect([await by.restore(undo), await by.reset(undo, thiefsPassword)]).toEqual([400, 400]);
      await by.confirm(email).catch(() => 400);
      for (const each of [...cookies, back]) {
        const me = await client('GET', '/auth/me', { cookies: each });
        if (me.ok) expect((await me.json<Tokens['user']>()).id).not.toBe(owner.id);
      }
      for (const each of bearers) {
        const me = await client('GET', '/auth/me', { bearer: each });
        if (me.ok) expect((await me.json<Tokens['user']>()).id).not.toBe(owner.id);
      }
      for (const name of [owner.email, email])
        for (const secret of [password, thiefsPassword])
          expect((await by.login(name, secret))?.user.id).not.toBe(owner.id);
      const { updated_at: _, ...after } = await by.row(owner.id);
      expect(before).toMatchObject(after);
    },
    expectThatTheOwnerIsIn: async () => {
      const back = await signOn(client, provider, person);
      const me = await (await client('GET', '/auth/me', { cookies: sessionOf(back) })).json<Tokens['user']>();
      expect(me.id).toBe(owner.id);
      // By the undo link, if it has not set a password yet.
      await by.reset(await orStray(by.undoLink(owner.email)));
      expect((await by.login(owner.email, nextPassword))?.user.id).toBe(owner.id);
    },
  };
};

type Step = keyof Awaited<ReturnType<typeof theft>>['steps'];

const ordersOf = (steps: readonly Step[]): Step[][] =>
  steps.length === 0
    ? [[]]
    : steps.flatMap((first) =>
        ordersOf(steps.filter((step) => step !== first)).map((rest): Step[] => [first, ...rest]),
      );

/** A change is asked for before it is confirmed; what follows from it, and only so makes sense, comes after that. */
const sensible = (order: readonly Step[]): boolean => {
  const confirmed = order.indexOf('confirm');
  const follows = order.flatMap((step, i) =>
    ['link', 'slowLink', 'moveBack', 'restore'].includes(step) ? [i] : [],
  );
  return order.indexOf('request') < confirmed && follows.every((i) => i > confirmed);
};

const orders = [
  ...ordersOf(['request', 'confirm', 'slowLink', 'reset', 'restore']),
  ...ordersOf(['request', 'confirm', 'link', 'thiefReset', 'restore']),
  ...ordersOf(['request', 'confirm', 'link', 'moveBack', 'restore']),
].filter(sensible);

describe('a move back by the owner', () => {
  it('a move back by the owner unlinks the identity that the thief has linked at the other address', async () => {
    const { steps, id, thief } = await theft();
    await steps.request();
    await steps.confirm();
    await steps.link();
    expect((await sql`select from identities where user_id = ${id}`).length).toBe(2);
    vi.setSystemTime(Date.now() + 61_000);
    expect(await steps.moveBack()).toBe(204);
    const left = await sql`select email from identities where user_id = ${id}`;
    expect(left).toEqual([{ email: (await by.row(id)).email }]);
    const back = sessionOf(await signOn(client, provider, thief));
    const me = await (await client('GET', '/auth/me', { cookies: back })).json<Tokens['user']>();
    expect(me.id).not.toBe(id);
  });
});

describe('a theft by a change of address, in every order', () => {
  it.each(orders.map((order) => [order.join(', '), order] as const))('%s', async (_, order) => {
    const { steps, isOwners, expectThatNothingIsLeft, expectThatTheOwnerIsIn } = await theft();
    for (const step of order) {
      await steps[step]();
      vi.setSystemTime(Date.now() + 61_000);
    }
    expect(isOwners()).toBe(true);
    await expectThatNothingIsLeft();
    await expectThatTheOwnerIsIn();
  });
});
