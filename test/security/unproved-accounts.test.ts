import { describe, expect, it } from 'vitest';
import { eventsAbout } from '../support/worker/administrators.ts';
import { createClient, newEmail, password, type Tokens } from '../support/worker/client.ts';
import { raceRounds, sql } from '../support/worker/database.ts';
import { mailsTo, tokenIn } from '../support/worker/mail.ts';
import { createMoves, lenient } from '../support/worker/moves.ts';

const client = createClient(lenient);
const required = createClient({ ...lenient, EMAIL_VERIFICATION: 'required' });
const by = createMoves(client);
const idAt = async (email: string) =>
  String((await sql`select id from users where email = ${email}`)[0]?.id ?? '');
const templatesTo = async (email: string) => (await mailsTo(email)).map(({ template }) => template);

/** Somebody's sign-up that nobody has confirmed. */
const squat = async (email: string) => {
  const { access_token: bearer, user } = await (await by.signUp(email)).json<Tokens>();
  return { bearer, id: user.id };
};

describe('an account that nobody has proved', () => {
  it('an unproved account is erased when another account proves its address', async () => {
    const [owner, email] = [await by.newOwner(), newEmail()];
    const squatter = await squat(email);
    expect(await by.ask(owner.bearer, email)).toBe(202);
    expect(await by.confirm(email, owner.bearer)).toBe(204);
    expect(await idAt(email)).toBe(owner.id);
    expect(await by.isOver(squatter.bearer)).toBe(true);
    expect(await by.row(squatter.id)).toEqual({});
    const deleted = (await eventsAbout(squatter.id)).find(({ type }) => type === 'account.deleted');
    expect(deleted).toMatchObject({ actor_id: owner.id, details: { reason: 'superseded' } });
    expect(await templatesTo(email)).not.toContain('account_deleted');
  });

  it('an unproved account is not erased by its owner’s click on a stranger’s request, nor by any other session', async () => {
    const [stranger, other, email] = [await by.newOwner(), await by.newOwner(), newEmail()];
    const victim = await squat(email);
    expect(await by.ask(stranger.bearer, email)).toBe(202);
    for (const bearer of [undefined, victim.bearer, other.bearer]) {
      expect(await by.confirm(email, bearer)).toBe(409);
    }
    expect(await by.isOver(victim.bearer)).toBe(false);
    expect((await by.row(stranger.id)).email).toBe(stranger.email);

    // The session that asked has ended meanwhile.
    await client('POST', '/auth/logout?scope=global', { bearer: stranger.bearer });
    expect(await by.confirm(email, stranger.bearer)).not.toBe(204);
    expect(await idAt(email)).toBe(victim.id);
  });

  it('a change to the address of an unproved account mails the proof, and no notice that there is an account', async () => {
    const [owner, email] = [await by.newOwner(), newEmail()];
    await squat(email);
    expect(await by.ask(owner.bearer, email)).toBe(202);
    expect(await templatesTo(email)).toContain('verify_new_email');
    expect(await templatesTo(email)).not.toContain('account_exists');
  });

  it('an unproved account that waits for its password loses its address too', async () => {
    const [owner, email] = [await by.newOwner(), newEmail()];
    expect((await required('POST', '/auth/signup', { json: { email, password } })).status).toBe(202);
    const waiting = await tokenIn(email, 'verify_email', 'verify_email');
    expect(await by.move(owner.bearer, email)).toBe(204);
    expect((await client('POST', '/auth/email/verify', { json: { token: waiting } })).status).toBe(400);
    expect(await idAt(email)).toBe(owner.id);
  });

  it('an unproved account loses its address to an undo', async () => {
    const [owner, next] = [await by.newOwner(), newEmail()];
    expect(await by.move(owner.bearer, next)).toBe(204);
    // As a sign-up that races with the change leaves it.
    const squatter = await squat(newEmail());
    await sql`update users set email = ${owner.email} where id = ${squatter.id}`;
    expect(await by.restore(await by.undoLink(owner.email))).toBe(204);
    expect(await idAt(owner.email)).toBe(owner.id);
    expect(await by.row(squatter.id)).toEqual({});
  });

  it('an unproved account stays where the link is not good', async () => {
    const [owner, email] = [await by.newOwner(), newEmail()];
    const squatter = await squat(email);
    expect(await by.ask(owner.bearer, email)).toBe(202);
    await sql`update one_time_tokens set expires_at = now() where user_id = ${owner.id} and purpose = 'change_email'`;
    expect(await by.confirm(email, owner.bearer)).toBe(400);
    expect(await idAt(email)).toBe(squatter.id);
    await sql`update users set disabled_at = now() where id = ${owner.id}`;
    await sql`update one_time_tokens set expires_at = now() + interval '1 day' where user_id = ${owner.id}`;
    expect(await by.confirm(email, owner.bearer)).toBe(400);
    expect(await by.isOver(squatter.bearer)).toBe(false);
  });

  it('an unproved account gives way however often it is created again at that moment', async () => {
    for (let round = 0; round < raceRounds(5); round++) {
      const [owner, email] = [await by.newOwner(), newEmail()];
      await squat(email);
      expect(await by.ask(owner.bearer, email)).toBe(202);
      const [confirmed] = await Promise.all([
        by.confirm(email, owner.bearer),
        ...Array.from({ length: 4 }, () => by.signUp(email)),
      ]);
      expect(confirmed).toBe(204);
      expect(await idAt(email)).toBe(owner.id);
    }
  });

  it('of two proofs of one address at once, one is refused', async () => {
    for (let round = 0; round < raceRounds(8); round++) {
      const [owner, email] = [await by.newOwner(), newEmail()];
      const squatter = await squat(email);
      expect(await by.ask(owner.bearer, email)).toBe(202);
      const [confirmed, verified] = await Promise.all([by.confirm(email, owner.bearer), by.verify(email)]);
      expect([
        [204, 400],
        [409, 204],
      ]).toContainEqual([confirmed, verified]);
      expect(await idAt(email)).toBe(confirmed === 204 ? owner.id : squatter.id);
    }
  });

  it('an unproved account and another one exchange their addresses without a failure of the service', async () => {
    for (let round = 0; round < raceRounds(5); round++) {
      const emails = [newEmail(), newEmail()] as const;
      const [one, other] = [await squat(emails[0]), await squat(emails[1])];
      expect(await by.ask(one.bearer, emails[1])).toBe(202);
      expect(await by.ask(other.bearer, emails[0])).toBe(202);
      const answers = await Promise.all([
        by.confirm(emails[1], one.bearer),
        by.confirm(emails[0], other.bearer),
      ]);
      // The first takes the address of the other, which is erased with its own link.
      expect(answers.toSorted()).toEqual([204, 400]);
    }
  });
});

describe('an account that keeps its address', () => {
  it.each([
    ['is proved', (id: string) => sql`update users set email_verified_at = now() where id = ${id}`],
    ['is disabled', (id: string) => sql`update users set disabled_at = now() where id = ${id}`],
    ['has a role', (id: string) => sql`insert into user_roles (user_id, role_name) values (${id}, 'admin')`],
  ])(
    'an account that %s keeps its address: the proof of another account is refused, and stays good',
    async (_, change) => {
      const [owner, email] = [await by.newOwner(), newEmail()];
      expect(await by.ask(owner.bearer, email)).toBe(202);
      const holder = await squat(email);
      await change(holder.id);
      expect(await by.confirm(email, owner.bearer)).toBe(409);
      expect(await idAt(email)).toBe(holder.id);

      // Another request for the address tells its account, and gets no proof.
      const other = await by.newOwner();
      expect(await by.ask(other.bearer, email)).toBe(202);
      expect(await templatesTo(email)).toContain('account_exists');
      expect((await templatesTo(email)).filter((each) => each === 'verify_new_email')).toHaveLength(1);

      await sql`delete from users where id = ${holder.id}`;
      expect(await by.confirm(email, owner.bearer)).toBe(204);
    },
  );
});
