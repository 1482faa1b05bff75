import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventsAbout } from '../support/worker/administrators.ts';
import { createClient, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { mailsTo, tokenIn } from '../support/worker/mail.ts';
import { cheap, createMoves, day, nextPassword } from '../support/worker/moves.ts';

const client = createClient({ ...cheap, LOGIN_BRUTE_MAX_ATTEMPTS: '100' });
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
  it('takes away the password that a thief knows, and every session', async () => {
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

  it('sets the next password with the same token, once', async () => {
    const { email, link } = await stolen();
    expect(await by.restore(link)).toBe(204);
    expect(await by.reset(link, 'short')).toBe(422);
    expect(await by.reset(link)).toBe(204);
    expect((await by.login(email, nextPassword))?.user.email).toBe(email);
    expect(await by.reset(link, `${nextPassword} too`)).toBe(400);
    expect(await by.restore(link)).toBe(400);
  });

  it('sets no password before it has given the account back', async () => {
    const { link, thiefsBearer } = await stolen();
    expect(await by.reset(link)).toBe(400);
    expect(await by.isOver(thiefsBearer)).toBe(false);
  });

  it('sets one for 30 minutes, and after that a reset link does', async () => {
    const { email, link } = await stolen();
    later(6 * day);
    expect(await by.restore(link)).toBe(204);
    later(30 * 60_000);
    expect(await by.reset(link)).toBe(400);
    expect(await by.restore(link)).toBe(400);
    expect(await by.reset(await by.forgot(email))).toBe(204);
  });

  it('lets in again who has guessed the password wrongly before', async () => {
    const strict = createMoves(createClient(cheap));
    const { email, link } = await stolen();
    expect(await by.restore(link)).toBe(204);
    for (let guess = 0; guess < 6; guess++) expect(await strict.login(email)).toBeNull();
    expect(await strict.reset(link)).toBe(204);
    expect(await strict.login(email, nextPassword)).not.toBeNull();
  });

  it('changes nothing when it is used again: nobody is logged out, nobody is told', async () => {
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

  it('is void a week after the change', async () => {
    const { link } = await stolen();
    later(7 * day);
    expect(await by.restore(link)).toBe(400);
  });

  it('ends everything that was asked for since', async () => {
    const { thiefs, thiefsBearer, link } = await stolen();
    const third = newEmail();
    const resetLink = await by.forgot(thiefs);
    expect(await by.ask(thiefsBearer, third)).toBe(202);
    expect(await by.restore(link)).toBe(204);
    expect(await by.confirm(third)).toBe(400);
    expect(await by.reset(resetLink)).toBe(400);
    expect(await by.ask(thiefsBearer, third)).toBe(401);
  });

  it('takes a move that is confirmed at this moment back, or makes it void', async () => {
    for (let round = 0; round < 5; round++) {
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

  it('lets no login through that began before it', async () => {
    for (let round = 0; round < 5; round++) {
      const { email, thiefs, link } = await stolen();
      const logins = [thiefs, thiefs, email, thiefs].map((name) => by.login(name));
      expect(await by.restore(link)).toBe(204);
      for (const login of await Promise.all(logins))
        if (login) expect(await by.isOver(login.access_token)).toBe(true);
    }
  });
});

describe('a chain of changes', () => {
  it('is undone by the link of the first address, and then no later one is good', async () => {
    const { id, email, thiefs, thiefsBearer, link } = await stolen();
    later(60_000);
    expect(await by.move(thiefsBearer, newEmail())).toBe(204);
    const thiefsLink = await by.undoLink(thiefs);
    expect(await by.restore(link)).toBe(204);
    expect(await by.restore(thiefsLink)).toBe(400);
    expect(await by.row(id)).toMatchObject({ email });
  });

  it('is undone by it even after the thief has undone the second change: an earlier owner comes first', async () => {
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

  it('keeps the order of the changes where a request says that it is older than it is', async () => {
    const { email, thiefs, thiefsBearer, link } = await stolen();
    later(-60_000);
    expect(await by.move(thiefsBearer, newEmail())).toBe(204);
    expect(await by.restore(await by.undoLink(thiefs))).toBe(204);
    expect(await by.restore(link)).toBe(204);
    expect(await by.login(email)).toBeNull();
  });
});

describe('a move back to the address before', () => {
  it('is an undo: no link leads to the address in between, and the owner has lost no time', async () => {
    const { id, email, thiefs, bearer, since } = await stolen();
    later(60_000);
    expect(await by.move(bearer, email)).toBe(204);
    expect(await templatesTo(thiefs)).toContain('email_changed');
    await expect(by.undoLink(thiefs)).rejects.toThrow('no email_changed');
    expect(await by.row(id)).toMatchObject({ email, email_verified_at: since });
  });

  it('ends every session but the one that confirms it', async () => {
    const { email, bearer, thiefsBearer } = await stolen();
    expect(await by.move(bearer, email)).toBe(204);
    expect(await by.isOver(thiefsBearer)).toBe(true);
    expect(await by.isOver(bearer)).toBe(false);
  });

  it('leaves the undo link good, which takes the password away: a thief may know it', async () => {
    const { id, email, bearer, link } = await stolen();
    expect(await by.move(bearer, email)).toBe(204);
    const thief = await by.login(email);
    expect(await by.restore(link)).toBe(204);
    expect(await by.isOver(thief?.access_token ?? '')).toBe(true);
    expect(await by.row(id)).toMatchObject({ email, password_hash: null });
  });

  it('may happen often: the first link takes the account back from the last theft, and then all are used up', async () => {
    const { id, email, thiefs, bearer, link } = await stolen();
    const links = [link];
    for (let round = 0; round < 3; round++) {
      later(60_000);
      expect(await by.move(bearer, email)).toBe(204);
      later(60_000);
      expect(await by.move(bearer, thiefs)).toBe(204);
      links.push(await by.undoLink(email));
    }
    expect(await by.restore(link)).toBe(204);
    expect(await by.reset(link)).toBe(204);
    expect(await by.row(id)).toMatchObject({ email });
    for (const each of links) expect(await by.restore(each)).toBe(400);
  });

  it('ends no session where it is a move to another address', async () => {
    const { bearer, thiefsBearer } = await stolen();
    expect(await by.move(bearer, newEmail())).toBe(204);
    expect(await by.isOver(thiefsBearer)).toBe(false);
  });
});

describe('a deletion after a change', () => {
  it('is told to every address that the account could have come back to, once', async () => {
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
  it('is the same after a theft and its undo', async () => {
    const { id, since, link } = await stolen();
    expect(await by.restore(link)).toBe(204);
    expect(await by.reset(link)).toBe(204);
    expect(await by.row(id)).toMatchObject({ email_verified_at: since });
  });

  it('decides, below a week, for a later owner: a reset ends the undo link of a former one', async () => {
    const { id, email, thiefs, link } = await stolen(6.9);
    expect(await by.reset(await by.forgot(thiefs))).toBe(204);
    expect(await by.restore(link)).toBe(400);
    expect(await by.row(id)).toMatchObject({ email: thiefs });
    // The address is free again.
    expect((await by.signUp(email)).status).toBe(201);
  });

  it("decides, from a week on, for the owner of before: a thief's reset leaves the undo link good", async () => {
    const { id, email, thiefs, link } = await stolen(7);
    expect(await by.reset(await by.forgot(thiefs))).toBe(204);
    later(3 * day);
    expect(await by.restore(link)).toBe(204);
    expect(await by.login(email, nextPassword)).toBeNull();
    expect(await by.row(id)).toMatchObject({ email });
  });

  it('counts from the change, so that waiting makes no stranger an owner', async () => {
    const { thiefs, link } = await stolen(2);
    later(6 * day);
    expect(await by.reset(await by.forgot(thiefs))).toBe(204);
    expect(await by.restore(link)).toBe(400);
  });
});

describe('an address that was never proved', () => {
  it('gets no undo link, and is not kept; it is told of the change all the same', async () => {
    const email = newEmail();
    const { access_token: bearer } = await (await by.signUp(email)).json<{ access_token: string }>();
    const moved = newEmail();
    expect(await by.move(bearer, moved)).toBe(204);
    const told = (await mailsTo(email)).filter(({ template }) => template === 'email_changed');
    expect(told.map(({ details }) => details)).toEqual([{ new_email: moved }]);
    expect(
      await sql`select from one_time_tokens where purpose = 'restore_email' and email = ${email}`,
    ).toEqual([]);
    expect((await by.signUp(email)).status).toBe(201);
  });
});

describe('a confirmed change', () => {
  it('ends what was mailed to the address before', async () => {
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
  it('is told', async () => {
    const { thiefs, link } = await stolen();
    expect(await by.restore(link)).toBe(204);
    expect(await templatesTo(thiefs)).toContain('email_restored');
  });
});

describe('two accounts that exchange their addresses at once', () => {
  it('lose nothing, and nobody is told of a failure of ours', async () => {
    for (let round = 0; round < 5; round++) {
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
