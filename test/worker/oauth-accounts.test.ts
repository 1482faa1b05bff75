import { describe, expect, it } from 'vitest';
import {
  cookiesOf,
  createBrowser,
  createClient,
  newAccount,
  newEmail,
  password,
  silentQueue,
  type Tokens,
} from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import { answeredByTheClock } from '../support/worker/held-clock.ts';
import {
  createProvider,
  issuer,
  newPerson,
  type Person,
  sessionOf,
  signOn,
  verdictOf,
  withProvider,
} from '../support/worker/identity-provider.ts';
import { mailsTo, tokenIn } from '../support/worker/mail.ts';

const provider = createProvider();
// Deliveries would add round trips.
const quiet = { ...withProvider, MAIL_QUEUE: silentQueue };
const client = createClient(quiet);
const required = createClient({ ...quiet, EMAIL_VERIFICATION: 'required' });

const userIdOf = async (email: string) =>
  ((await sql`select id from users where email = ${email}`) as { id: string }[])[0]?.id;
const identitiesOf = async (email: string) =>
  (
    await sql`select i.subject from identities i join users u on u.id = i.user_id where u.email = ${email} order by i.id`
  ).map((row) => row.subject);
const eventsOf = async (id: string | undefined) =>
  (await sql`select type from audit_events where subject_id = ${id} order by created_at, id`).map(
    ({ type }) => type,
  );
const templatesTo = async (email: string) => (await mailsTo(email)).map(({ template }) => template);
const verified = async () => {
  const account = await newAccount(client);
  await sql`update users set email_verified_at = now() where id = ${account.user.id}`;
  return account;
};
const meBy = async (response: Response, by = client) =>
  (await by('GET', '/auth/me', { cookies: sessionOf(response) })).json<Tokens['user']>();
const addressOf = ({ email = '' }: Person) => email;
const isLoggedIn = (response: Response) => cookiesOf(response).has('itsor_session');
const nextPassword = 'umbrella lantern orchard 47';
const reset = async (email: string, by = client, to = nextPassword) => {
  await by('POST', '/auth/password/forgot', { json: { email } });
  const token = await tokenIn(email, 'reset_password', 'reset_password');
  const answer = await by('POST', '/auth/password/reset', {
    json: { token, password: to },
  });
  expect(answer.status).toBe(204);
};

describe('a person with an unknown identity', () => {
  it('gets an account without a password and with a proved address, in one round trip', async () => {
    const person = newPerson({ email: newEmail().toUpperCase() });
    let response = new Response();
    const trips = await countRoundTrips(async () => {
      response = await signOn(client, provider, person);
    });
    const me = await meBy(response);
    expect(trips).toBe(1);
    expect(me).toMatchObject({
      email: addressOf(person).toLowerCase(),
      email_verified: true,
      roles: ['user'],
      password_changed_at: null,
      must_change_password: false,
    });
    expect((await eventsOf(me.id)).toSorted()).toEqual([
      'account.signed_up',
      'identity.linked',
      'session.opened',
    ]);
    expect(await templatesTo(me.email)).toEqual([]);
  });

  it('has the address in the spelling of a sign-up, and none where it has letters outside ASCII before the @', async () => {
    const name = `ada-${crypto.randomUUID().slice(0, 8)}`;
    const response = await signOn(client, provider, newPerson({ email: ` ${name}@MÜNCHEN.example` }));
    expect(await meBy(response)).toMatchObject({ email: `${name}@xn--mnchen-3ya.example` });
    const again = { email: `${name}@münchen.example`, password };
    expect((await client('POST', '/auth/signup', { json: again })).status).toBe(409);

    // Lower case in Unicode makes a plain k of the Kelvin sign.
    const owner = await newAccount(client, newEmail().replace('account', 'kim'));
    const lookAlike = newPerson({ email: owner.user.email.replace('kim', '\u212aim') });
    const refused = await signOn(client, provider, lookAlike);
    expect(isLoggedIn(refused)).toBe(false);
  });

  it.each([
    ['false', false],
    ['a text that reads like true', 'true'],
    ['a number', 1],
    ['nothing', undefined],
  ])('has to prove the address where the provider says %s of it', async (_, email_verified) => {
    const person = newPerson({ email_verified });
    const response = await signOn(client, provider, person);
    expect(await meBy(response)).toMatchObject({ email_verified: false });
    expect(await templatesTo(addressOf(person))).toEqual(['verify_email']);
  });

  it('gets no mail where verification is off', async () => {
    const off = createClient({ ...quiet, EMAIL_VERIFICATION: 'off' });
    const person = newPerson({ email_verified: false });
    expect((await meBy(await signOn(off, provider, person), off)).email_verified).toBe(false);
    expect(await templatesTo(addressOf(person))).toEqual([]);
  });

  it('gets no account where proofs are required and the provider does not vouch for the address', async () => {
    const person = newPerson({ email_verified: false });
    const first = await signOn(required, provider, person);
    expect(await verdictOf(first)).toEqual([403, 'email_not_verified']);
    expect(isLoggedIn(first)).toBe(false);
    expect(await templatesTo(addressOf(person))).toEqual([]);
    expect(await sql`select id from users where email = ${addressOf(person)}`).toEqual([]);
    // The person corrects and confirms the address at the provider.
    const corrected = { ...person, email: newEmail(), email_verified: true };
    expect(await meBy(await signOn(required, provider, corrected), required)).toMatchObject({
      email: corrected.email,
      email_verified: true,
    });
  });

  it.each([
    ['no address', { email: undefined }],
    ['what is no address', { email: 'ada at example' }],
  ])('gets no account with %s', async (_, { email }) => {
    const { email: __, ...person } = newPerson();
    const response = await signOn(client, provider, { ...person, ...(email && { email }) });
    expect(await verdictOf(response)).toEqual([400, 'oauth_failed']);
    expect(await sql`select from identities where subject = ${person.sub}`).toEqual([]);
  });
});

describe('a person with a known identity', () => {
  // Proves ASVS 10.5.2.
  it('logs in to the same account in one round trip, whatever the address is now', async () => {
    const person = newPerson();
    const me = await meBy(await signOn(client, provider, person));
    await sql`update identities set last_used_at = '2020-01-01' where subject = ${person.sub}`;
    let response = new Response();
    const trips = await countRoundTrips(async () => {
      response = await signOn(client, provider, { ...person, email: newEmail() });
    });
    expect(trips).toBe(1);
    expect(await meBy(response)).toMatchObject({ id: me.id, email: me.email });
    const [{ last_used_at: usedAt } = {}] =
      await sql`select last_used_at from identities where subject = ${person.sub}`;
    expect(new Date(String(usedAt)).getFullYear()).toBeGreaterThan(2020);
  });

  it('logs in to the same account without an address too', async () => {
    const { email, ...person } = newPerson();
    await signOn(client, provider, { ...person, ...(email !== undefined && { email }) });
    expect(isLoggedIn(await signOn(client, provider, person))).toBe(true);
  });

  // Proves ASVS 6.8.1.
  it('is another person at another issuer, and with a subject in another case', async () => {
    const person = newPerson({ sub: `sub-${crypto.randomUUID()}` });
    const me = await meBy(await signOn(client, provider, person));
    const other = await meBy(
      await signOn(client, provider, { ...person, sub: person.sub.toUpperCase(), email: newEmail() }),
    );
    expect(other.id).not.toBe(me.id);
    await sql`update identities set issuer = 'https://other.example' where subject = ${person.sub}`;
    const third = await meBy(await signOn(client, provider, { ...person, email: newEmail() }));
    expect(third.id).not.toBe(me.id);
  });

  it('is refused like a password login once the account is disabled', async () => {
    const person = newPerson();
    const { id } = await meBy(await signOn(client, provider, person));
    await sql`update users set disabled_at = now() where id = ${id}`;
    const response = await signOn(client, provider, person);
    expect(await verdictOf(response)).toEqual([403, 'account_disabled']);
    expect(isLoggedIn(response)).toBe(false);
    expect(await sql`select from sessions where user_id = ${id}`).toHaveLength(1);
  });

  it('gets a mail about a login from a new device', async () => {
    const person = newPerson();
    await signOn(client, provider, person);
    await signOn(createClient(quiet, '198.51.100.77'), provider, person);
    expect(await templatesTo(addressOf(person))).toEqual(['new_sign_in']);
  });
});

describe('an account with the address of an unknown identity', () => {
  it('is linked if both sides have proved the address, and its owner gets a mail', async () => {
    const { user } = await verified();
    const person = newPerson({ email: user.email });
    let response = new Response();
    const trips = await countRoundTrips(async () => {
      response = await signOn(client, provider, person);
    });
    expect(trips).toBe(1);
    expect((await meBy(response)).id).toBe(user.id);
    expect(await identitiesOf(user.email)).toEqual([person.sub]);
    expect(await eventsOf(user.id)).toContain('identity.linked');
    const [told] = (await mailsTo(user.email)).filter(({ template }) => template === 'identity_linked');
    expect(told?.details).toMatchObject({ provider: 'Acme' });
    // The password still works.
    expect((await client('POST', '/auth/token', { json: { email: user.email, password } })).status).toBe(200);
  });

  it.each([false, 'true', undefined])(
    'is not linked if the provider says %s about the address',
    async (email_verified) => {
      const { user } = await verified();
      const response = await signOn(client, provider, newPerson({ email: user.email, email_verified }));
      expect(await verdictOf(response)).toEqual([409, 'email_taken']);
      expect(isLoggedIn(response)).toBe(false);
      expect(await identitiesOf(user.email)).toEqual([]);
      expect(await eventsOf(user.id)).toContain('identity.refused');
    },
  );

  it('is not linked and stays unchanged if its address is unproved', async () => {
    const { user } = await newAccount(client);
    const before = await sql`select * from users where id = ${user.id}`;
    const response = await signOn(client, provider, newPerson({ email: user.email }));
    expect(await verdictOf(response)).toEqual([409, 'email_taken']);
    expect(isLoggedIn(response)).toBe(false);
    expect(await identitiesOf(user.email)).toEqual([]);
    expect(await sql`select * from users where id = ${user.id}`).toEqual(before);
  });

  it('is not linked while it is disabled', async () => {
    const { user } = await verified();
    await sql`update users set disabled_at = now() where id = ${user.id}`;
    const response = await signOn(client, provider, newPerson({ email: user.email }));
    expect(await verdictOf(response)).toEqual([403, 'account_disabled']);
    expect(await identitiesOf(user.email)).toEqual([]);
  });

  it.each(['an account', 'no account'])(
    'is answered by the clock where proofs are required and the provider does not vouch: %s',
    async (kind) => {
      const email = kind === 'an account' ? (await newAccount(client)).user.email : newEmail();
      const by = createClient({ ...quiet, EMAIL_VERIFICATION: 'required', EVEN_ANSWER_MS: '150' });
      const person = newPerson({ email, email_verified: false });
      const answer = await answeredByTheClock(150, () => signOn(by, provider, person));
      expect(answer.status).toBe(403);
    },
  );

  it('gets the same answer as a new address where proofs are required and the provider does not vouch', async () => {
    const { user } = await verified();
    const answers = [];
    for (const email of [user.email, newEmail()]) {
      const response = await signOn(required, provider, newPerson({ email, email_verified: false }));
      const { request_id: _, ...problem } = await response.json<Record<string, unknown>>();
      // The name of an attempt's cookie ends with a digest of its state.
      const cookies = [...cookiesOf(response).keys()].map((name) => name.replace(/_[0-9a-f]{16}$/, ''));
      answers.push([response.status, problem, cookies]);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(await identitiesOf(user.email)).toEqual([]);
    expect(await templatesTo(user.email)).toEqual(['verify_email']); // of the sign-up
  });

  it('still gets the same answer as a new address afterwards, because nothing was linked', async () => {
    const { user } = await verified();
    const statuses = [];
    for (const email of [user.email, newEmail()]) {
      const person = newPerson({ email, email_verified: false });
      await signOn(required, provider, person);
      const own = { ...person, email: newEmail(), email_verified: true };
      statuses.push((await signOn(required, provider, own)).status);
    }
    expect(statuses[0]).toBe(statuses[1]);
  });
});

describe('a thief with an address, before its owner arrives by a provider', () => {
  it('who used a password: neither reaches the data of the other, and the owner gets the account by a proof', async () => {
    const email = newEmail();
    const signup = await client('POST', '/auth/signup', { json: { email, password } });
    const attacker = sessionOf(signup);
    const owner = newPerson({ email });

    expect(await verdictOf(await signOn(client, provider, owner))).toEqual([409, 'email_taken']);
    await reset(email);
    expect(isLoggedIn(await signOn(client, provider, owner))).toBe(true);
    expect((await client('GET', '/auth/me', { cookies: attacker })).status).toBe(401);
    expect((await client('POST', '/auth/token', { json: { email, password } })).status).toBe(401);
  });

  it('who began a sign-up: neither reaches the data of the other, and the owner gets the account by a proof', async () => {
    const email = newEmail();
    await required('POST', '/auth/signup', { json: { email, password } });
    const owner = newPerson({ email });
    expect(await verdictOf(await signOn(required, provider, owner))).toEqual([409, 'email_taken']);
    await reset(email, required);
    expect(isLoggedIn(await signOn(required, provider, owner))).toBe(true);
    expect((await required('POST', '/auth/token', { json: { email, password } })).status).toBe(401);
  });

  it('who used a provider that does not vouch: the proof removes that identity and its sessions', async () => {
    const email = newEmail();
    const attacker = newPerson({ email, email_verified: false });
    const attackers = await signOn(client, provider, attacker);
    const owner = newPerson({ email });
    expect(await verdictOf(await signOn(client, provider, owner))).toEqual([409, 'email_taken']);

    await reset(email);
    expect((await client('GET', '/auth/me', { cookies: sessionOf(attackers) })).status).toBe(401);
    expect(await identitiesOf(email)).toEqual([]);
    expect(isLoggedIn(await signOn(client, provider, owner))).toBe(true);
    const back = await signOn(client, provider, attacker);
    expect(isLoggedIn(back)).toBe(false);
    expect(await identitiesOf(email)).toEqual([owner.sub]);
    expect(await eventsOf(await userIdOf(email))).toContain('identity.unlinked');
  });

  it('whose mail the owner has confirmed: a reset still removes the identity', async () => {
    const email = newEmail();
    const attacker = newPerson({ email, email_verified: false });
    const attackers = await signOn(client, provider, attacker);
    const token = await tokenIn(email, 'verify_email', 'verify_email');
    expect((await client('POST', '/auth/email/verify', { json: { token } })).status).toBe(204);
    expect(await identitiesOf(email)).toEqual([attacker.sub]);

    const owner = newPerson({ email });
    await signOn(client, provider, owner);
    await reset(email);
    expect(await identitiesOf(email)).toEqual([owner.sub]);
    expect((await client('GET', '/auth/me', { cookies: sessionOf(attackers) })).status).toBe(401);
    expect(await verdictOf(await signOn(client, provider, attacker))).toEqual([409, 'email_taken']);
  });

  it('who came before the owner signs up where proofs are required: the account belongs to the owner', async () => {
    const email = newEmail();
    const attacker = newPerson({ email, email_verified: false });
    // Without the requirement the stranger even gets a session.
    const attackers = await signOn(client, provider, attacker);
    await sql`update users set verification_sent_at = null where email = ${email}`;
    const browser = createBrowser(required);
    await browser('POST', '/auth/signup', { json: { email, password } });
    const token = await tokenIn(email, 'verify_email', 'verify_email');
    expect((await browser('POST', '/auth/email/verify', { json: { token } })).status).toBe(204);

    expect(await identitiesOf(email)).toEqual([]);
    expect((await client('GET', '/auth/me', { cookies: sessionOf(attackers) })).status).toBe(401);
    expect(isLoggedIn(await signOn(required, provider, attacker))).toBe(false);
    expect((await required('POST', '/auth/token', { json: { email, password } })).status).toBe(200);
  });

  it('who moved an account to the address: a reset removes an identity with another address', async () => {
    const attacker = newPerson({ email: newEmail() });
    const first = await signOn(client, provider, attacker);
    const { id } = await meBy(first);
    await reset(addressOf(attacker));
    const { access_token: bearer } = await (
      await client('POST', '/auth/token', { json: { email: addressOf(attacker), password: nextPassword } })
    ).json<{ access_token: string }>();
    const victims = newEmail();
    await client('POST', '/auth/email/change', { bearer, json: { email: victims, password: nextPassword } });
    const change = await tokenIn(victims, 'verify_new_email', 'change_email');
    expect((await client('POST', '/auth/email/verify', { json: { token: change } })).status).toBe(204);

    const victim = newPerson({ email: victims });
    expect((await meBy(await signOn(client, provider, victim))).id).toBe(id);
    await reset(victims, client, 'marble kettle sparrow 83');
    expect(await identitiesOf(victims)).toEqual([victim.sub]);
  });

  it('who moved a stolen account to their own address: the undo link removes the identity too', async () => {
    const { user, access_token: bearer } = await verified();
    const kept = newPerson({ email: user.email });
    await signOn(client, provider, kept);
    const thiefs = newEmail();
    await client('POST', '/auth/email/change', { bearer, json: { email: thiefs, password } });
    const change = await tokenIn(thiefs, 'verify_new_email', 'change_email');
    await client('POST', '/auth/email/verify', { json: { token: change } });
    const thief = newPerson({ email: thiefs });
    expect((await meBy(await signOn(client, provider, thief))).id).toBe(user.id);

    const restore = await tokenIn(user.email, 'email_changed', 'restore_email');
    expect((await client('POST', '/auth/email/restore', { json: { token: restore } })).status).toBe(204);
    expect(await identitiesOf(user.email)).toEqual([kept.sub]);
  });
});

describe('parallel logins at providers', () => {
  it('ten callbacks of one new identity make one account', async () => {
    const person = newPerson();
    const responses = await Promise.all(Array.from({ length: 10 }, () => signOn(client, provider, person)));
    expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(303));
    const ids = new Set(await Promise.all(responses.map(async (response) => (await meBy(response)).id)));
    expect(ids.size).toBe(1);
    expect(
      await sql`select from identities where issuer = ${issuer} and subject = ${person.sub}`,
    ).toHaveLength(1);
  });

  it('one new identity with two addresses makes one account', async () => {
    const person = newPerson();
    const responses = await Promise.all(
      Array.from({ length: 6 }, () => signOn(client, provider, { ...person, email: newEmail() })),
    );
    const ids = new Set(await Promise.all(responses.map(async (response) => (await meBy(response)).id)));
    expect(ids.size).toBe(1);
    expect(await sql`select from users where id = any(${[...ids]})`).toHaveLength(1);
  });

  it('two identities of one new address share its account, or one of them is refused', async () => {
    const email = newEmail();
    const responses = await Promise.all(
      Array.from({ length: 6 }, () => signOn(client, provider, newPerson({ email }))),
    );
    expect(responses.map(({ status }) => status)).toEqual(Array(6).fill(303));
    expect(await sql`select from users where email = ${email}`).toHaveLength(1);
  });

  it('a sign-up with a password and a login by a provider never share an account', async () => {
    for (let turn = 0; turn < 5; turn++) {
      const email = newEmail();
      const [signup, response] = await Promise.all([
        client('POST', '/auth/signup', { json: { email, password } }),
        signOn(client, provider, newPerson({ email })),
      ]);
      expect([signup.status, response.status].toSorted()).toSatisfy((statuses: number[]) =>
        ['201,409', '303,409'].includes(statuses.join()),
      );
    }
  });
});
