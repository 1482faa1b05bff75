import { afterEach, describe, expect, it, vi } from 'vitest';
import { createClient, newAddress, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { codeIn, mailsTo } from '../support/worker/mail.ts';
import { createVisitor } from '../support/worker/visitor.ts';

const lenient = { RATE_LIMIT_MAX: '10000' };
const client = createClient(lenient);
const newVisitor = () => createVisitor(createClient(lenient, newAddress()));

afterEach(() => {
  vi.useRealTimers();
});

const signUp = async (by = newVisitor()) => {
  const email = newEmail();
  const page = await by.submit('/account/signup', { email, password });
  return { email, by, page };
};

const sessionsOf = (email: string) =>
  sql`SELECT s.id, s.revoked_at FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = ${email} ORDER BY s.id`;

describe('someone signed out', () => {
  it('a visitor finds the forms to log in and sign up, with fields that a password manager knows', async () => {
    const { status, title, html } = await newVisitor().open('/account');
    expect({ status, title }).toEqual({ status: 200, title: 'Log in or sign up – localhost:3002' });
    expect(html).toContain('action="/account/login"');
    expect(html).toContain('action="/account/signup"');
    for (const value of ['username', 'current-password', 'email', 'new-password'])
      expect(html).toContain(`autocomplete="${value}"`);
  });

  it('a visitor signs up and sees the account', async () => {
    const { email, by, page } = await signUp();
    expect(page).toMatchObject({ status: 200, title: 'Your account – localhost:3002' });
    expect(page.html).toContain(email);
    expect(page.html).toContain('not confirmed yet');
    expect(page.html).toContain('(this device)');
    expect([...by.jar].map(([name, { path }]) => [name, path])).toEqual([
      ['itsor_session', '/'],
      ['itsor_session_refresh', '/auth'],
      ['itsor_session_renew', '/account'],
    ]);
  });

  it('the answer that sets the cookies of a login is kept by no cache', async () => {
    const { email } = await signUp();
    const { status, headers } = await newVisitor().send('/account/login', { identifier: email, password });
    expect(status).toBe(303);
    expect(headers.getSetCookie()).toHaveLength(3);
    expect(headers.get('Cache-Control')).toBe('no-store');
  });

  it('a refused sign-up shows every reason against the password, and keeps the address but not the password', async () => {
    const email = newEmail();
    const { status, html, title } = await newVisitor().send('/account/signup', {
      email,
      password: 'Passw0rd',
    });
    expect(status).toBe(422);
    expect(title).toMatch(/^Error: /);
    expect(html).toContain('<a href="#signup-password">Password: at least 14 characters</a>');
    expect(html).toMatch(/<ul class="reasons" id="signup-password-error">.*too easy to guess/);
    expect(html).toContain('aria-describedby="signup-password-hint signup-password-error"');
    expect(html).toContain(`value="${email}"`);
    expect(html).not.toContain('Passw0rd');
    expect(await sql`SELECT id FROM users WHERE email = ${email}`).toEqual([]);
  });

  it('spaces around an address are removed, and spaces around a password are kept', async () => {
    const [by, email] = [newVisitor(), newEmail()];
    await by.submit('/account/signup', { email: ` ${email} `, password: ` ${password} ` });
    const login = (secret: string) =>
      newVisitor().send('/account/login', { identifier: `${email} `, password: secret });
    expect((await login(` ${password} `)).status).toBe(303);
    expect((await login(password)).status).toBe(401);
  });

  it('a form names its empty fields', async () => {
    const { status, html } = await newVisitor().send('/account/login', { identifier: '', password: '' });
    expect(status).toBe(422);
    expect(html).toContain('<a href="#login-identifier">E-mail address or user name: must not be empty</a>');
    expect(html).toContain('<a href="#login-password">Password: must not be empty</a>');
    expect(html).toMatch(/<div class="summary" role="alert" tabindex="-1" autofocus/);
  });

  it('a wrong password and an unknown account get the same page', async () => {
    const { email } = await signUp();
    const texts = [];
    for (const identifier of [email, newEmail()]) {
      const by = newVisitor();
      const { status, html, headers } = await by.send('/account/login', { identifier, password: 'wrong' });
      expect(status).toBe(401);
      expect(headers.get('WWW-Authenticate')).toBe('Bearer');
      expect(by.jar.size).toBe(0);
      expect(html).not.toContain('value="wrong"');
      texts.push(html.replaceAll(identifier, '').replaceAll(/nonce="[^"]+"/g, ''));
    }
    expect(texts[0]).toBe(texts[1]);
  });

  it('a visitor is told how long to wait after five wrong passwords', async () => {
    const { email } = await signUp();
    const by = newVisitor();
    for (let attempt = 0; attempt < 5; attempt++)
      await by.send('/account/login', { identifier: email, password: 'wrong' });
    const { status, headers, html } = await by.send('/account/login', { identifier: email, password });
    expect(status).toBe(429);
    expect(Number(headers.get('Retry-After'))).toBeGreaterThan(60);
    expect(html).toContain(
      'There were too many failed attempts. If you have forgotten your password, you can set a new one now. Please try again in 15 minutes.',
    );
  });

  it('a visitor cannot sign up with an address that has an account', async () => {
    const { email } = await signUp();
    const by = newVisitor();
    const { status, html } = await by.send('/account/signup', { email, password });
    expect(status).toBe(409);
    expect(html).toContain('An account has this e-mail address, or can still get it back.');
    expect(by.jar.size).toBe(0);
  });

  it('a sign-up tells nothing about accounts where addresses are verified first, and sets the same cookie', async () => {
    const { email: known } = await signUp();
    const required = createClient({ ...lenient, EMAIL_VERIFICATION: 'required' });
    for (const email of [known, newEmail()]) {
      const by = createVisitor(required);
      const { status, location } = await by.send('/account/signup', { email, password });
      expect({ status, location }).toEqual({ status: 303, location: '/verify-email?done=signed-up' });
      expect([...by.jar.keys()]).toEqual(['itsor_session_signup']);
    }
  });

  it('the login form links to the form for the code where a login has to wait for it', async () => {
    const by = createVisitor(createClient({ ...lenient, EMAIL_VERIFICATION: 'required' }));
    const email = newEmail();
    await by.submit('/account/signup', { email, password });
    const { status, html } = await by.send('/account/login', { identifier: email, password });
    expect(status).toBe(401);
    expect(html).toContain('or the e-mail address is not confirmed yet');
    expect(html).toContain('href="/verify-email"');
    await by.submit('/verify-email/code', { email, code: await codeIn(email) });
    expect((await by.submit('/account/login', { identifier: email, password })).title).toMatch(
      /^Your account/,
    );
    expect((await newVisitor().open('/account')).html).not.toContain('href="/verify-email"');
  });

  it('the page has no sign-up form where a sign-up needs a challenge whose site key is not set', async () => {
    const challenged = createVisitor(
      createClient({ ...lenient, TURNSTILE_SECRET_KEY: '1x0000000000000000000000000000000AA' }),
    );
    const { html } = await challenged.open('/account');
    expect(html).not.toContain('/account/signup');
    const email = newEmail();
    expect(await challenged.send('/account/signup', { email, password })).toMatchObject({ status: 403 });
    expect(await sql`SELECT id FROM users WHERE email = ${email}`).toEqual([]);
  });

  it.each(['/account/password', '/account/email', '/account/sessions/end'])(
    'a visitor without a session cannot use the form %s',
    async (path) => {
      const refused = await newVisitor().send(path, { id: crypto.randomUUID() });
      expect(refused).toMatchObject({ status: 401 });
      expect(refused.html).toContain('You are not logged in.');
    },
  );
});

describe('someone signed in', () => {
  it('a wrong code is reported on the account page', async () => {
    const { email, by } = await signUp();
    const right = await codeIn(email);
    const code = right === '000000' ? '000001' : '000000';
    expect((await by.open('/account')).html).toContain('action="/account/code"');
    const { status, title, html } = await by.send('/account/code', { email, code });
    expect({ status, title }).toEqual({ status: 400, title: 'Error: Your account – localhost:3002' });
    expect(html).toContain('href="#code-code"');
    expect((await by.submit('/account/code', { email, code: right })).html).toContain('(confirmed)');
  });

  it('the account page lists the other sessions, and ends one of them', async () => {
    const { email, by } = await signUp();
    const other = newVisitor();
    await other.submit('/account/login', { identifier: email, password });
    const { html } = await by.open('/account');
    const ids = [...html.matchAll(/name="id" value="([^"]+)"/g)].map(([, id]) => id ?? '');
    expect(ids).toHaveLength(1);

    const after = await by.submit('/account/sessions/end', { id: ids[0] ?? '' });
    expect(after.html).toContain('That device is logged out.');
    expect(after.html).not.toContain('name="id"');
    const theirs = await other.open('/account');
    expect(theirs.status).toBe(401);
    expect(theirs.html).toContain('Your session has ended. Please log in again.');
    expect(theirs.html).toContain('action="/account/login"');
  });

  it("a person cannot end a stranger's session", async () => {
    const { email } = await signUp();
    const [session] = await sessionsOf(email);
    const { by } = await signUp();
    const refused = await by.send('/account/sessions/end', { id: session?.id });
    expect(refused).toMatchObject({ status: 404, title: 'Error: Your account – localhost:3002' });
    expect(refused.html).toContain('That device was already logged out.');
    expect(await sessionsOf(email)).toEqual([session]);
  });

  it('the account page logs out the other devices, and this one stays logged in', async () => {
    const { email, by } = await signUp();
    const other = newVisitor();
    await other.submit('/account/login', { identifier: email, password });
    const after = await by.submit('/account/logout', { scope: 'others' });
    expect(after.html).toContain('Every other device is logged out.');
    expect(after.title).toMatch(/^Your account/);
    expect((await other.open('/account')).status).toBe(401);
  });

  it('a logout on the account page ends the session and clears its cookies', async () => {
    const { email, by } = await signUp();
    const after = await by.submit('/account/logout', { scope: 'local' });
    expect(after).toMatchObject({ status: 200, title: 'Log in or sign up – localhost:3002' });
    expect(after.html).toContain('You are logged out.');
    expect(by.jar.size).toBe(0);
    expect((await sessionsOf(email)).map(({ revoked_at }) => revoked_at)).not.toContain(null);
  });

  it('a new password ends the other sessions, and this one goes on', async () => {
    const { email, by } = await signUp();
    const other = newVisitor();
    await other.submit('/account/login', { identifier: email, password });
    const next = 'seventeen purple kettles sing';
    const before = by.jar.get('itsor_session')?.value;
    const after = await by.submit('/account/password', { current_password: password, new_password: next });
    expect(by.jar.get('itsor_session')?.value).not.toBe(before);
    expect(after.html).toContain('Your password is changed');
    expect((await other.open('/account')).status).toBe(401);
    await newVisitor().submit('/account/login', { identifier: email, password: next });
  });

  it('a wrong current password and a weak new one are reported, and the password stays', async () => {
    const { email, by } = await signUp();
    const wrong = await by.send('/account/password', {
      current_password: 'no',
      new_password: `${password} 2`,
    });
    expect(wrong).toMatchObject({ status: 401, title: 'Error: Your account – localhost:3002' });
    expect(wrong.html).toContain('href="#password-current_password"');
    const same = await by.send('/account/password', { current_password: password, new_password: password });
    expect(same.status).toBe(422);
    expect(same.html).toContain(
      '<a href="#password-new_password">New password: must differ from the current password</a>',
    );
    expect(same.html).not.toContain(password);
    await newVisitor().submit('/account/login', { identifier: email, password });
  });

  it('a change of address on the account page waits for the proof of the new address', async () => {
    const { email, by } = await signUp();
    const next = newEmail();
    const after = await by.submit('/account/email', { email: next, password });
    expect(after.html).toContain('We have sent a message to the new address.');
    expect(after.html).toContain(email);
    expect(after.html).not.toContain(next);
    expect((await mailsTo(next)).map(({ template }) => template)).toEqual(['verify_new_email']);
  });

  it('a request for another verification message leads back to the account page', async () => {
    const { email, by } = await signUp();
    const { location } = await by.send('/verify-email/resend', { email });
    expect(location).toBe('/account?done=verification-sent');
  });

  it('the account page asks for a new password when the password is too old', async () => {
    // SQL by hand tells no session gate.
    const asking = createVisitor(createClient({ ...lenient, SESSION_CACHE_SECONDS: '0' }));
    const { email, by } = await signUp(asking);
    await sql`UPDATE users SET password_changed_at = now() - interval '91 days' WHERE email = ${email}`;
    expect((await by.open('/account')).html).toContain('Please change your password');
  });

  it('the account page asks for no verification where addresses are not verified', async () => {
    const off = createVisitor(createClient({ ...lenient, EMAIL_VERIFICATION: 'off' }));
    const { page } = await signUp(off);
    expect(page.html).not.toMatch(/verif/i);
  });

  it('the account page asks for a login once the access token has expired and the browser has no other', async () => {
    const { by } = await signUp(createVisitor(createClient({ ...lenient, JWT_ACCESS_MINUTES: '1' })));
    const access = by.jar.get('itsor_session');
    by.jar.clear();
    if (access) by.jar.set('itsor_session', { ...access, expiresMs: Number.POSITIVE_INFINITY });
    vi.setSystemTime(Date.now() + 120_000);
    const { status, html } = await by.open('/account');
    expect(status).toBe(401);
    expect(html).toContain('Please log in again.');
    expect(html).toContain('action="/account/login"');
  });

  it('a cookie that is no access token gets the page of a visitor', async () => {
    const response = await client('GET', '/account', { cookies: { itsor_session: 'made.up.token' } });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('action="/account/login"');
  });

  it('a request with two session cookies is refused', async () => {
    const { by } = await signUp();
    const value = by.jar.get('itsor_session')?.value;
    const response = await client('GET', '/account', {
      headers: { Cookie: `itsor_session=${value}; itsor_session=${value}` },
    });
    expect(response.status).toBe(400);
    expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
  });
});
