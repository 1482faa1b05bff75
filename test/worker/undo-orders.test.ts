import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, newEmail, password, type Tokens } from '../support/worker/client.ts';
import {
  createProvider,
  newPerson,
  sessionOf,
  signOn,
  withProvider,
} from '../support/worker/identity-provider.ts';
import { strayToken } from '../support/worker/mail.ts';
import { cheap, createMoves, nextPassword } from '../support/worker/moves.ts';

const provider = createProvider();
const client = createClient({
  ...withProvider,
  ...cheap,
  LOGIN_BRUTE_MAX_ATTEMPTS: '100',
  MAIL_QUEUE: { sendBatch: async () => {} } as never,
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
  const orElse = async (token: Promise<string>) => token.catch(() => strayToken('restore_email'));

  const steps = {
    request: () => by.ask(bearer, email),
    confirm: () => by.confirm(email).catch(() => 400),
    link: () => link(0),
    /** A callback that came long before, and that a provider has kept waiting. */
    slowLink: () => link(3_600_000),
    /** By the mailbox that the account has moved to. */
    thiefReset: async () => {
      await by.reset(await orElse(by.forgot(email)), thiefsPassword);
      const again = await by.login(email, thiefsPassword);
      if (again) bearers.push(again.access_token);
    },
    reset: async () => {
      if ((await by.reset(await orElse(by.forgot(owner.email)))) === 204) isOwners = true;
    },
    restore: async () => {
      if ((await by.restore(await orElse(by.undoLink(owner.email)))) === 204) isOwners = true;
    },
  };

  return {
    steps,
    /** Whether the owner has got the account back at all. */
    isOwners: () => isOwners,
    expectThatNothingIsLeft: async () => {
      for (const each of bearers) expect(await by.isOver(each)).toBe(true);
      for (const name of [owner.email, email])
        for (const secret of [password, thiefsPassword])
          expect((await by.login(name, secret))?.user.id).not.toBe(owner.id);
      for (const each of [...cookies, sessionOf(await signOn(client, provider, thief))]) {
        const me = await client('GET', '/auth/me', { cookies: each });
        if (me.ok) expect((await me.json<Tokens['user']>()).id).not.toBe(owner.id);
      }
      for (const token of [by.forgot(email), by.undoLink(email)])
        expect([400, 422]).toContain(await by.reset(await orElse(token), thiefsPassword));
      expect(await by.restore(await orElse(by.undoLink(email)))).toBe(400);
      await by.confirm(email).catch(() => 400);
      expect(await by.row(owner.id)).toMatchObject({ email: owner.email });
    },
    expectThatTheOwnerIsIn: async () => {
      const back = await signOn(client, provider, person);
      const me = await (await client('GET', '/auth/me', { cookies: sessionOf(back) })).json<Tokens['user']>();
      expect(me.id).toBe(owner.id);
      const link = await orElse(by.undoLink(owner.email));
      await by.restore(link);
      await by.reset(link);
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

/** Those in which a change is asked for before it is confirmed, and confirmed before it is undone. */
const sensible = (order: readonly Step[]): boolean =>
  order.indexOf('request') < order.indexOf('confirm') && order.indexOf('confirm') < order.indexOf('restore');

const orders = [
  ...ordersOf(['request', 'confirm', 'link', 'reset', 'restore']),
  ...ordersOf(['request', 'confirm', 'slowLink', 'thiefReset', 'reset', 'restore']),
].filter(sensible);

describe('a theft by a change of address, in every order', () => {
  it.each(orders.map((order) => [order.join(', '), order] as const))('%s', async (_, order) => {
    const { steps, isOwners, expectThatNothingIsLeft, expectThatTheOwnerIsIn } = await theft();
    for (const step of order) {
      await steps[step]();
      vi.setSystemTime(Date.now() + 61_000);
    }
    // Where the thief has come by the address first as a person of the provider, the change is refused: no theft.
    const thiefWasFirst = order.findIndex((step) => /link/i.test(step)) < order.indexOf('confirm');
    expect(isOwners() || thiefWasFirst).toBe(true);
    if (!isOwners()) return;
    await expectThatNothingIsLeft();
    await expectThatTheOwnerIsIn();
  });
});
