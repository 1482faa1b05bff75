import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventsAbout } from '../support/worker/administrators.ts';
import { createClient, newEmail, password } from '../support/worker/client.ts';
import { raceRounds, sql } from '../support/worker/database.ts';
import { mailsTo, tokenIn } from '../support/worker/mail.ts';
import { createMoves, day, lenient, nextPassword } from '../support/worker/moves.ts';

const client = createClient({ ...lenient, LOGIN_BRUTE_MAX_ATTEMPTS: '100' });
const by = createMoves(client);
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
const templatesTo = async (email: string) => (await mailsTo(email)).map(({ template }) => template);
const typesAbout = async (id: string) => (await eventsAbout(id)).map(({ type }) => type);

/** An account that a thief has moved to an address of their own. */
const stolen = async (days?: number) => {
  const owner = await by.newOwner(days);
  const thief = await by.login(owner.email);
  const bearer = thief?.access_token ?? '';
  const thiefs = newEmail();
  expect(await by.move(bearer, thiefs)).toBe(204);
  return { ...owner, thiefs, thiefsBearer: bearer, link: await by.undoLink(owner.email) };
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('an undo link', () => {
  it('an undo link ends the password that a thief knows, and every session', async () => {
    const { id, email, thiefs, bearer, thiefsBearer, link } = await stolen();
    await sql`update users set username = ${`u${id.slice(-12)}`}, must_change_password = true where id = ${id}`;
    expect(await by.restore(link)).toBe(204);
    for (const name of [email, thiefs, `u${id.slice(-12)}`]) expect(await by.login(name)).toBeNull();
    for (const each of [bearer, thiefsBearer]) expect(await by.isOver(each)).toBe(true);
    expect(await by.row(id)).toMatchObject({
      email,
      password_hash: null,
      password_changed_at: null,
      must_change_password: false,
    });
  });

  it('the token of an undo link then sets the next password once', async () => {
    const { email, link } = await stolen();
    expect(await by.restore(link)).toBe(204);
    expect(await by.reset(link, 'short')).toBe(422);
    expect(await by.reset(link)).toBe(204);
    expect((await by.login(email, nextPassword))?.user.email).toBe(email);
    expect(await by.reset(link, `${nextPassword} too`)).toBe(400);
    expect(await by.restore(link)).toBe(204);
    expect(await by.reset(link, `${nextPassword} too`)).toBe(400);
    expect(await by.login(email, nextPassword)).not.toBeNull();
  });

  it('an undo link sets no password before it has given the account back', async () => {
    const { link, thiefsBearer } = await stolen();
    expect(await by.reset(link)).toBe(400);
    expect(await by.isOver(thiefsBearer)).toBe(false);
  });

  it('an undo link sets a password for 30 minutes, and after that a reset link does', async () => {
    const { email, link } = await stolen();
    later(6 * day);
    expect(await by.restore(link)).toBe(204);
    later(30 * 60_000);
    expect(await by.reset(link)).toBe(400);
    // It says that the account is back, and gives no more time.
    expect(await by.restore(link)).toBe(204);
    expect(await by.reset(link)).toBe(400);
    expect(await by.reset(await by.forgot(email))).toBe(204);
  });

  it('an undo link lets an owner log in again who was locked out before', async () => {
    const strict = createMoves(createClient(lenient));
    const { email, link } = await stolen();
    expect(await by.restore(link)).toBe(204);
    for (let guess = 0; guess < 6; guess++) expect(await strict.login(email)).toBeNull();
    expect(await strict.reset(link)).toBe(204);
    expect(await strict.login(email, nextPassword)).not.toBeNull();
  });

  it('an undo link that is used again logs nobody out and sends no mail', async () => {
    const { id, link, thiefs } = await stolen();
    const answers = await Promise.all(Array.from({ length: 8 }, () => by.restore(link)));
    expect(answers).toEqual(Array(8).fill(204));
    const before = await by.row(id);
    later(60_000);
    expect(await by.restore(link)).toBe(204);
    expect(await by.row(id)).toEqual(before);
    expect((await typesAbout(id)).filter((type) => type === 'email.restored')).toHaveLength(1);
    expect((await templatesTo(thiefs)).filter((each) => each === 'email_restored')).toHaveLength(1);
  });

  it('an undo link is void a week after the change', async () => {
    const { link } = await stolen();
    later(7 * day);
    expect(await by.restore(link)).toBe(400);
  });

  it('an undo link ends everything that was requested since the change', async () => {
    const { thiefs, thiefsBearer, link } = await stolen();
    const third = newEmail();
    const resetLink = await by.forgot(thiefs);
    expect(await by.ask(thiefsBearer, third)).toBe(202);
    expect(await by.restore(link)).toBe(204);
    expect(await by.confirm(third)).toBe(400);
    expect(await by.reset(resetLink)).toBe(400);
    expect(await by.ask(thiefsBearer, third)).toBe(401);
  });

  it('an undo link takes back a move that is confirmed at the same moment, or makes it void', async () => {
    for (let round = 0; round < raceRounds(5); round++) {
      const { id, email, thiefsBearer, link } = await stolen();
      const third = newEmail();
      expect(await by.ask(thiefsBearer, third)).toBe(202);
      const [confirmed, restored] = await Promise.all([by.confirm(third), by.restore(link)]);
      expect(restored).toBe(204);
      expect([204, 400]).toContain(confirmed);
      expect(await by.row(id)).toMatchObject({ email, password_hash: null });
      if (confirmed === 204) expect(await by.restore(await by.undoLink(email))).toBe(204);
    }
  });

  it('an undo link lets no login through that began before it', async () => {
    for (let round = 0; round < raceRounds(5); round++) {
      const { email, thiefs, link } = await stolen();
      const logins = [thiefs, thiefs, email, thiefs].map((name) => by.login(name));
      expect(await by.restore(link)).toBe(204);
      for (const login of await Promise.all(logins))
        if (login) expect(await by.isOver(login.access_token)).toBe(true);
    }
  });
});

describe('a chain of changes', () => {
  it('the link of the first address undoes a chain of changes, and then no later link is good', async () => {
    const { id, email, thiefs, thiefsBearer, link } = await stolen();
    later(60_000);
    expect(await by.move(thiefsBearer, newEmail())).toBe(204);
    const thiefsLink = await by.undoLink(thiefs);
    expect(await by.restore(link)).toBe(204);
    expect(await by.restore(thiefsLink)).toBe(400);
    expect(await by.row(id)).toMatchObject({ email });
  });

  it('the link of the first address undoes a chain of changes even after the thief has undone the second change', async () => {
    const { id, email, thiefs, thiefsBearer, link } = await stolen();
    // In one millisecond: the order of the changes counts, not the clock.
    expect(await by.move(thiefsBearer, newEmail())).toBe(204);
    const thiefsLink = await by.undoLink(thiefs);
    expect(await by.restore(thiefsLink)).toBe(204);
    expect(await by.reset(thiefsLink)).toBe(204);
    expect(await by.restore(link)).toBe(204);
    expect(await by.row(id)).toMatchObject({ email, password_hash: null });
    expect(await by.reset(thiefsLink)).toBe(400);
  });

  it('a chain of changes keeps its order when the clock of a request is late', async () => {
    const { email, thiefs, thiefsBearer, link } = await stolen();
    later(-60_000);
    expect(await by.move(thiefsBearer, newEmail())).toBe(204);
    expect(await by.restore(await by.undoLink(thiefs))).toBe(204);
    expect(await by.restore(link)).toBe(204);
    expect(await by.login(email)).toBeNull();
  });
});

describe('a move back to the address before', () => {
  it('a move back to the previous address is an undo: no link leads to the address between, and no time is lost', async () => {
    const { id, email, thiefs, bearer, since } = await stolen();
    later(60_000);
    expect(await by.move(bearer, email)).toBe(204);
    expect(await templatesTo(thiefs)).toContain('email_changed');
    await expect(by.undoLink(thiefs)).rejects.toThrow('no email_changed');
    expect(await by.row(id)).toMatchObject({ email, email_verified_at: since });
  });

  it('a move back to the previous address ends every session but the one that confirms it', async () => {
    const { email, bearer, thiefsBearer } = await stolen();
    expect(await by.move(bearer, email)).toBe(204);
    expect(await by.isOver(thiefsBearer)).toBe(true);
    expect(await by.isOver(bearer)).toBe(false);
  });

  it('a move back to the previous address leaves its undo link good, because a thief may know the password', async () => {
    const { id, email, bearer, link } = await stolen();
    expect(await by.move(bearer, email)).toBe(204);
    const thief = await by.login(email);
    expect(await by.restore(link)).toBe(204);
    expect(await by.isOver(thief?.access_token ?? '')).toBe(true);
    expect(await by.row(id)).toMatchObject({ email, password_hash: null });
  });

  it('the first undo link takes the account back after many moves, and then all links are used up', async () => {
    const { id, email, thiefs, bearer, link } = await stolen();
    const others: string[] = [];
    for (let round = 0; round < 3; round++) {
      later(60_000);
      expect(await by.move(bearer, email)).toBe(204);
      later(60_000);
      expect(await by.move(bearer, thiefs)).toBe(204);
      others.push(await by.undoLink(email));
    }
    expect(await by.restore(link)).toBe(204);
    expect(await by.reset(link)).toBe(204);
    expect(await by.row(id)).toMatchObject({ email });
    for (const each of others) expect(await by.restore(each)).toBe(400);
    const before = await by.row(id);
    expect(await by.restore(link)).toBe(204);
    expect(await by.row(id)).toEqual(before);
  });

  it('a move to an address that is new to the account ends no session', async () => {
    const { bearer, thiefsBearer } = await stolen();
    expect(await by.move(bearer, newEmail())).toBe(204);
    expect(await by.isOver(thiefsBearer)).toBe(false);
  });
});

describe('a deletion after a change', () => {
  it('a deletion after changes is told once to every address that the account could come back to', async () => {
    const { id, email, thiefs, bearer } = await stolen();
    later(60_000);
    expect(await by.move(bearer, email)).toBe(204);
    later(60_000);
    const next = newEmail();
    const again = await by.login(email);
    expect(await by.move(again?.access_token ?? '', next)).toBe(204);
    const json = { password };
    expect((await client('DELETE', '/users/me', { bearer: again?.access_token ?? '', json })).status).toBe(
      204,
    );
    expect(await by.row(id)).toEqual({});
    const deleted = async (to: string) =>
      (await mailsTo(to))
        .filter(({ template }) => template === 'account_deleted')
        .map(({ details }) => details);
    expect(await deleted(next)).toEqual([{}]);
    expect(await deleted(email)).toEqual([{ is_former: true }]);
    // The purge of the outbox goes by the time in an id.
    const [{ minutes } = {}] = await sql`
      select abs(extract(epoch from o.created_at) * 1000 - ('x' || left(replace(o.id::text, '-', ''), 12))::bit(48)::bigint) / 60000 as minutes
      from outbox o where o.recipient = ${email} and o.template = 'account_deleted'`;
    expect(Number(minutes)).toBeLessThan(1);
    expect(await deleted(thiefs)).toEqual([]);
  });
});

describe('how long an address has been proved', () => {
  it('an address counts as proved for the same time after a theft and its undo', async () => {
    const { id, since, link } = await stolen();
    expect(await by.restore(link)).toBe(204);
    expect(await by.reset(link)).toBe(204);
    expect(await by.row(id)).toMatchObject({ email_verified_at: since });
  });

  it('a reset ends the undo link of an address that was proved for less than a week', async () => {
    const { id, email, thiefs, link } = await stolen(6.9);
    expect(await by.reset(await by.forgot(thiefs))).toBe(204);
    expect(await by.restore(link)).toBe(400);
    expect(await by.row(id)).toMatchObject({ email: thiefs });
    // The address is free again.
    expect((await by.signUp(email)).status).toBe(201);
  });

  it("a thief's reset leaves the undo link of an address that was proved for a week", async () => {
    const { id, email, thiefs, link } = await stolen(7);
    expect(await by.reset(await by.forgot(thiefs))).toBe(204);
    later(3 * day);
    expect(await by.restore(link)).toBe(204);
    expect(await by.login(email, nextPassword)).toBeNull();
    expect(await by.row(id)).toMatchObject({ email });
  });

  it('the time of a proof ends with the change, so that waiting makes no stranger an owner', async () => {
    const { thiefs, link } = await stolen(2);
    later(6 * day);
    expect(await by.reset(await by.forgot(thiefs))).toBe(204);
    expect(await by.restore(link)).toBe(400);
  });
});

describe('an address that was never proved', () => {
  it('an address that was never proved gets no undo link and no reservation, but a mail about the change', async () => {
    const email = newEmail();
    const { access_token: bearer } = await (await by.signUp(email)).json<{ access_token: string }>();
    const moved = newEmail();
    expect(await by.move(bearer, moved)).toBe(204);
    const told = (await mailsTo(email)).filter(({ template }) => template === 'email_changed');
    expect(told.map(({ details }) => details)).toEqual([{}]);
    expect(
      await sql`select from one_time_tokens where purpose = 'restore_email' and email = ${email}`,
    ).toEqual([]);
    expect((await by.signUp(email)).status).toBe(201);
  });
});

describe('a confirmed change', () => {
  it('a confirmed change ends the tokens that were mailed to the previous address', async () => {
    const { id, email, bearer } = await by.newOwner();
    await by.forgot(email);
    const open = async () =>
      (
        await sql`select purpose from one_time_tokens where user_id = ${id} and used_at is null order by 1`
      ).map(({ purpose }) => purpose);
    expect(await open()).toEqual(['reset_password', 'verify_email']);
    expect(await by.move(bearer, newEmail())).toBe(204);
    expect(await open()).toEqual(['restore_email']);
  });
});

describe('the address that loses the account by an undo', () => {
  it('the address that loses the account by an undo gets a mail', async () => {
    const { thiefs, link } = await stolen();
    expect(await by.restore(link)).toBe(204);
    expect(await templatesTo(thiefs)).toContain('email_restored');
  });
});

describe('two accounts that exchange their addresses at once', () => {
  it('two accounts that exchange their addresses at once lose nothing and see no server error', async () => {
    for (let round = 0; round < raceRounds(5); round++) {
      const [one, other] = [await by.newOwner(), await by.newOwner()];
      const tokens = [];
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const) {
        // As if each had asked before the other had the address.
        await sql`update users set email = ${`parked-${to.email}`} where id = ${to.id}`;
        expect(await by.ask(from.bearer, to.email)).toBe(202);
        tokens.push(await tokenIn(to.email, 'verify_new_email', 'change_email'));
        await sql`update users set email = ${to.email} where id = ${to.id}`;
      }
      const answers = await Promise.all(
        tokens.map(async (token) => (await client('POST', '/auth/email/verify', { json: { token } })).status),
      );
      for (const status of answers) expect([409, 503]).toContain(status);
      expect(await by.login(one.email, password)).not.toBeNull();
    }
  });
});
