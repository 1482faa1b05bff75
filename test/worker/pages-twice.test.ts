import { describe, expect, it } from 'vitest';
import { createClient, newAddress, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { whileTicking } from '../support/worker/ticking-clock.ts';
import { createVisitor, type Visitor } from '../support/worker/visitor.ts';

const newVisitor = () => createVisitor(createClient({ RATE_LIMIT_MAX: '10000' }, newAddress()));
const next = 'seventeen purple kettles sing';

const signUp = async () => {
  const email = newEmail();
  const by = newVisitor();
  await by.submit('/account/signup', { email, password });
  return { email, by };
};

/** The same browser as it was before: with the cookies that it had, and without those of an answer that it gave up. */
const asBefore = (by: Visitor): Visitor => {
  const other = newVisitor();
  for (const [name, cookie] of by.jar) other.jar.set(name, cookie);
  return other;
};

const sessionsOf = async (email: string) => {
  const rows = await sql`
    select s.id from sessions s join users u on u.id = s.user_id where u.email = ${email} and s.revoked_at is null`;
  return rows.map(({ id }) => String(id));
};
const hashOf = async (email: string) =>
  (await sql`select password_hash from users where email = ${email}`)[0]?.password_hash;
const logIn = async (email: string, secret: string) =>
  (await newVisitor().send('/account/login', { identifier: email, password: secret })).status;

describe('the form for a new password, sent twice', () => {
  const change = { current_password: password, new_password: next };
  const done = { status: 303, location: '/account?done=password-changed' };

  it('says both times that the password is changed, in turn and at once, and opens one session', async () => {
    const inTurn = await signUp();
    const second = asBefore(inTurn.by);
    expect(await inTurn.by.send('/account/password', change)).toMatchObject(done);
    const before = [await sessionsOf(inTurn.email), await hashOf(inTurn.email)];
    const again = await second.send('/account/password', change);
    expect(again).toMatchObject(done);
    expect(again.headers.getSetCookie()).toEqual([]);
    expect([await sessionsOf(inTurn.email), await hashOf(inTurn.email)]).toEqual(before);
    // The browser that gave up the first answer has no session; the page says why, and that it worked.
    const page = await second.open('/account?done=password-changed');
    expect(page.html).toContain('Your password is changed');
    expect(page.html).not.toContain('Your session has ended');

    const atOnce = await signUp();
    const presses = [atOnce.by, asBefore(atOnce.by)].map((each) => each.send('/account/password', change));
    for (const answer of await Promise.all(presses)) expect(answer).toMatchObject(done);
    expect(await sessionsOf(atOnce.email)).toHaveLength(1);
  });

  it('is known again however the clock goes on within a request', async () => {
    const { by } = await signUp();
    const second = asBefore(by);
    await whileTicking(() => by.send('/account/password', change));
    expect(await second.send('/account/password', change)).toMatchObject(done);
  });

  it('is refused with another password, and changes nothing', async () => {
    const { email, by } = await signUp();
    const second = asBefore(by);
    await by.send('/account/password', change);
    const hash = await hashOf(email);
    const again = await second.send('/account/password', { ...change, new_password: `${next} too` });
    expect(again.status).toBe(401);
    expect(again.html).toContain('Your session has ended');
    expect(await hashOf(email)).toBe(hash);
  });

  it('is no place for guesses with the token of a session that has ended', async () => {
    const { email, by } = await signUp();
    const second = asBefore(by);
    await by.send('/account/password', change);
    for (let guess = 0; guess < 5; guess++)
      await second.send('/account/password', { ...change, new_password: `guess number ${guess}` });
    // Even the right one is refused now, as at the login of that network.
    expect((await second.send('/account/password', change)).status).toBe(401);
    const login = await second.send('/account/login', { identifier: email, password: next });
    expect(login.status).toBe(429);
  });

  it('is refused while guesses from elsewhere lock the account: a session that has ended is no standing', async () => {
    const variables = { RATE_LIMIT_MAX: '10000', LOGIN_BRUTE_MAX_ATTEMPTS: '1' };
    const { email, by } = await signUp();
    const elsewhere = createVisitor(createClient(variables, newAddress()));
    for (const [name, cookie] of by.jar) elsewhere.jar.set(name, cookie);
    await by.send('/account/password', change);
    for (let guess = 0; guess < 10; guess++)
      await createClient(variables)('POST', '/auth/token', {
        json: { identifier: email, password: 'wrong' },
      });
    expect((await elsewhere.send('/account/password', change)).status).toBe(401);
  });

  it('is refused where the session ended in another way', async () => {
    const { email, by } = await signUp();
    const second = asBefore(by);
    await by.submit('/account/logout', { scope: 'local' });
    const again = await second.send('/account/password', { ...change, new_password: password });
    expect([again.status, await logIn(email, password)]).toEqual([401, 303]);

    const other = await signUp();
    const late = asBefore(other.by);
    await other.by.send('/account/password', change);
    await other.by.send('/account/password', { current_password: next, new_password: `${next} too` });
    for (const secret of [next, `${next} too`])
      expect((await late.send('/account/password', { ...change, new_password: secret })).status).toBe(401);
  });
});

describe('the form to sign up, sent twice', () => {
  it('leads to the account where the browser is logged in to it', async () => {
    const { email, by } = await signUp();
    const before = await sessionsOf(email);
    const again = await by.send('/account/signup', { email: email.toUpperCase(), password });
    expect(again).toMatchObject({ status: 303, location: '/account' });
    expect([again.headers.getSetCookie(), await sessionsOf(email)]).toEqual([[], before]);
  });

  it('says what to do where the browser has given up the first answer, and fills in the login', async () => {
    const { email } = await signUp();
    const again = await newVisitor().send('/account/signup', { email, password });
    expect(again.status).toBe(409);
    expect(again.html).toContain('If you have just created it, log in with the password that you chose');
    expect(again.html).toMatch(new RegExp(`<input id="login-identifier"[^>]* value="${email}"`));
  });

  it('is refused for the address of another account, and in a session that has ended', async () => {
    const [one, other] = [await signUp(), await signUp()];
    expect((await one.by.send('/account/signup', { email: other.email, password })).status).toBe(409);
    const late = asBefore(one.by);
    await one.by.submit('/account/logout', { scope: 'local' });
    expect((await late.send('/account/signup', { email: one.email, password })).status).toBe(409);
  });
});
