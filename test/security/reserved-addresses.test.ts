import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newAccountAllowed } from '../support/worker/administrators.ts';
import { createClient, newEmail, password, silentQueue } from '../support/worker/client.ts';
import { countRoundTrips, raceRounds, sql } from '../support/worker/database.ts';
import {
  createProvider,
  newPerson,
  signOn,
  verdictOf,
  withProvider,
} from '../support/worker/identity-provider.ts';
import { mailsTo } from '../support/worker/mail.ts';
import { createMoves, day, lenient } from '../support/worker/moves.ts';

const provider = createProvider();
const quiet = { ...withProvider, ...lenient, MAIL_QUEUE: silentQueue };
const client = createClient(quiet);
const required = createClient({ ...quiet, EMAIL_VERIFICATION: 'required' });
const off = createClient({ ...quiet, EMAIL_VERIFICATION: 'off' });
const by = createMoves(client);
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

const accountsAt = async (email: string) => (await sql`select id from users where email = ${email}`).length;
const noticesTo = async (email: string) =>
  (await mailsTo(email)).filter(({ template }) => template === 'address_reserved');

/** An account that has left a proved address. */
const moved = async () => {
  const owner = await by.newOwner();
  const next = newEmail();
  expect(await by.move(owner.bearer, next)).toBe(204);
  return { ...owner, next, link: await by.undoLink(owner.email) };
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('an address that an account has left within the week', () => {
  it.each([
    ['a sign-up', (email: string) => by.signUp(email)],
    ['a sign-up where nothing is verified', (email: string) => createMoves(off).signUp(email)],
    [
      'an administrator',
      async (email: string) => {
        const { access_token: bearer } = await newAccountAllowed(client, 'users:write');
        return client('POST', '/users', { bearer, json: { email } });
      },
    ],
    ['a login by a provider', (email: string) => signOn(client, provider, newPerson({ email }))],
    [
      'a login by a provider that does not vouch',
      (email: string) => signOn(client, provider, newPerson({ email, email_verified: false })),
    ],
  ])('a reserved address is taken for %s', async (_, attempt) => {
    const { id, email, link } = await moved();
    expect(await verdictOf(await attempt(email))).toEqual([409, 'email_taken']);
    expect(await accountsAt(email)).toBe(0);
    expect(await by.restore(link)).toBe(204);
    expect(await by.row(id)).toMatchObject({ email });
  });

  it('a login by a provider that vouches for a reserved address is told why it fails', async () => {
    const { email } = await moved();
    const response = await signOn(client, provider, newPerson({ email }));
    expect(await response.json()).toMatchObject({
      detail: expect.stringContaining('can still get it back'),
    });
  });

  it('a change of another account does not get a reserved address, and learns nothing', async () => {
    const { email, link } = await moved();
    const other = await by.newOwner();
    expect(await by.ask(other.bearer, email)).toBe(202);
    expect((await mailsTo(email)).map(({ template }) => template)).not.toContain('verify_new_email');
    expect(await noticesTo(email)).toHaveLength(1);
    expect(await by.restore(link)).toBe(204);
  });

  it('a change that was asked for before does not get a reserved address', async () => {
    const [owner, other, next] = [await by.newOwner(), await by.newOwner(), newEmail()];
    // As if it had been asked for before the owner had the address.
    await sql`update users set email = ${`parked-${owner.email}`} where id = ${owner.id}`;
    expect(await by.ask(other.bearer, owner.email)).toBe(202);
    await sql`update users set email = ${owner.email} where id = ${owner.id}`;
    expect(await by.move(owner.bearer, next)).toBe(204);
    expect(await by.confirm(owner.email)).toBe(409);
    later(7 * day - 1000);
    expect(await by.restore(await by.undoLink(owner.email))).toBe(204);
  });

  it('a sign-up for a reserved address tells only that address, with one answer, one round trip and one mail a minute', async () => {
    const { email } = await moved();
    const signUp = (address: string, json: object = {}) =>
      required('POST', '/auth/signup', { json: { email: address, password, ...json } });
    const answers = [await signUp(email), await signUp(newEmail())];
    const [kept, free] = await Promise.all(
      answers.map(async (answer) => [answer.status, await answer.text(), [...answer.headers.keys()]]),
    );
    expect(kept).toEqual(free);
    expect(await countRoundTrips(() => signUp(email))).toBe(1);
    expect(await noticesTo(email)).toHaveLength(1);
    later(60_000);
    expect((await signUp(email)).status).toBe(202);
    const notices = await noticesTo(email);
    expect(notices).toHaveLength(2);
    expect(new Date(notices[0]?.details.kept_until ?? '').getTime()).toBe(Date.now() + 7 * day - 60_000);
    expect(await accountsAt(email)).toBe(0);
    // As little of it is in the account's own export as of any other mailbox.
    expect(
      await sql`select from outbox where recipient = ${email} and template = 'address_reserved' and user_id is not null`,
    ).toEqual([]);
  });

  it('a reserved address is free for the account that has left it', async () => {
    const { id, email, bearer } = await moved();
    expect(await by.move(bearer, email)).toBe(204);
    expect(await by.row(id)).toMatchObject({ email });
  });

  it('a reserved address is free for everybody after a week', async () => {
    const { email } = await moved();
    later(7 * day);
    expect((await by.signUp(email)).status).toBe(201);
  });

  it('a reserved address is free once its account is deleted', async () => {
    const { email, bearer } = await moved();
    expect((await client('DELETE', '/users/me', { bearer, json: { password } })).status).toBe(204);
    expect((await by.signUp(email)).status).toBe(201);
  });

  it('an undo gives an address back even if a sign-up gets it at the same moment', async () => {
    for (let round = 0; round < raceRounds(8); round++) {
      const [owner, next] = [await by.newOwner(), newEmail()];
      expect(await by.ask(owner.bearer, next)).toBe(202);
      const [confirmed, ...signedUp] = await Promise.all([
        by.confirm(next),
        by.signUp(owner.email),
        signOn(client, provider, newPerson({ email: owner.email, email_verified: false })),
      ]);
      expect(confirmed).toBe(204);
      for (const { status } of signedUp) expect([201, 303, 409]).toContain(status);
      expect(await by.restore(await by.undoLink(owner.email))).toBe(204);
      expect(await by.row(owner.id)).toMatchObject({ email: owner.email });
    }
  });
});
