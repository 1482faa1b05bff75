import { describe, expect, it } from 'vitest';
import { createClient, newAddress, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { codeIn, mailsTo, tokenIn } from '../support/worker/mail.ts';
import { createVisitor, type Visitor } from '../support/worker/visitor.ts';

const lenient = { RATE_LIMIT_MAX: '10000' };
const newVisitor = () => createVisitor(createClient(lenient, newAddress()));
const next = 'seventeen purple kettles sing';

const signUp = async (email = newEmail()) => {
  const by = newVisitor();
  await by.submit('/account/signup', { email, password });
  return { email, by };
};

const isVerified = async (email: string): Promise<boolean> => {
  const [user] = await sql`SELECT email_verified_at FROM users WHERE email = ${email}`;
  return user?.email_verified_at != null;
};
const unused = async (email: string): Promise<number> => {
  const rows =
    await sql`SELECT t.id FROM one_time_tokens t JOIN users u ON u.id = t.user_id WHERE u.email = ${email} AND t.used_at IS NULL`;
  return rows.length;
};

const forgotten = async () => {
  const { email, by } = await signUp();
  await newVisitor().submit('/forgot-password', { email });
  return { email, by, token: await tokenIn(email, 'reset_password', 'reset_password') };
};

describe('/verify-email', () => {
  it('opening a verification link changes nothing, however often it is opened', async () => {
    const { email } = await signUp();
    const token = await tokenIn(email, 'verify_email', 'verify_email');
    for (const look of ['open', 'head', 'open'] as const) {
      const { status } = await newVisitor()[look](`/verify-email?token=${token}`);
      expect(status).toBe(200);
    }
    expect(await isVerified(email)).toBe(false);
    expect(await unused(email)).toBe(1);
  });

  it('the button of a verification link verifies the address, and pressed again it says so', async () => {
    const { email } = await signUp();
    const token = await tokenIn(email, 'verify_email', 'verify_email');
    const by = newVisitor();
    expect((await by.open(`/verify-email?token=${token}`)).html).toContain(`name="token" value="${token}"`);
    const after = await by.submit('/verify-email', { token });
    expect(after.html).toContain('Your e-mail address is confirmed.');
    expect(await isVerified(email)).toBe(true);

    const again = await by.submit('/verify-email', { token });
    expect(again.title).toBe(after.title);
    expect(again.html).toContain('Your e-mail address is confirmed.');
  });

  it('a verification link that is void leads to the ways to get another', async () => {
    const { email } = await signUp();
    const token = await tokenIn(email, 'verify_email', 'verify_email');
    await sql`update one_time_tokens set used_at = now() where email = ${email}`;
    const { status, title, html } = await newVisitor().send('/verify-email', { token });
    expect([status, title]).toEqual([400, 'Error: This link does not work any more – localhost:3002']);
    expect(html).toContain('It has expired, was used already, or is incomplete.');
    expect(html).not.toContain(token);
    for (const way of ['Get a new message', 'Log in and ask again']) expect(html).toContain(way);
  });

  it('a verification link leads to the login where only the browser that asked may confirm', async () => {
    const { by } = await signUp();
    const taken = newEmail();
    await signUp(taken);
    await by.submit('/account/email', { email: taken, password });
    const token = await tokenIn(taken, 'verify_new_email', 'change_email');
    const elsewhere = await newVisitor().send('/verify-email', { token });
    expect(elsewhere).toMatchObject({
      status: 409,
      title: 'Error: This link could not be used – localhost:3002',
    });
    expect(elsewhere.html).toContain('log in to the account that asked for the address');
    expect(elsewhere.html).not.toContain('Get a new message');
    expect((await by.submit('/verify-email', { token })).html).toContain(
      'Your account has its new e-mail address',
    );
  });

  it('a confirmed change tells a browser without a session which address the account has now', async () => {
    const { by } = await signUp();
    const next = newEmail();
    await by.submit('/account/email', { email: next, password });
    const token = await tokenIn(next, 'verify_new_email', 'change_email');
    const elsewhere = await newVisitor().submit('/verify-email', { token });
    expect(elsewhere.html).toContain('The account that asked for this e-mail address now has it.');
    expect(elsewhere.html).not.toContain('who signed up');
  });

  it('the code form verifies the address, and the account page says so', async () => {
    const { email, by } = await signUp();
    const after = await by.submit('/verify-email/code', { email, code: await codeIn(email) });
    expect(after.title).toBe('Your account – localhost:3002');
    expect(after.html).toContain('Your e-mail address is confirmed.');
    expect(after.html).toContain('<span class="good"> (confirmed)</span>');
    expect(after.html).not.toContain('/verify-email/code');
  });

  it('the code form accepts a code and an address with white space from a copy', async () => {
    const { email } = await signUp();
    const code = await codeIn(email);
    const spaced = ` ${code.slice(0, 3)}\u00a0${code.slice(3)}\r\n`;
    await newVisitor().submit('/verify-email/code', { email: ` ${email}\t`, code: spaced });
    expect(await isVerified(email)).toBe(true);
  });

  it('the code form refuses a wrong code and keeps the typed address', async () => {
    const { email } = await signUp();
    const code = (await codeIn(email)) === '000000' ? '000001' : '000000';
    const { status, html } = await newVisitor().send('/verify-email/code', { email, code });
    expect(status).toBe(400);
    expect(html).toContain(`value="${email}"`);
    expect(html).toContain('href="#code-code"');
    expect(await isVerified(email)).toBe(false);
  });

  it('the code form explains the shape of a code when the text is no code', async () => {
    const { status, html } = await newVisitor().send('/verify-email/code', { email: newEmail(), code: '12' });
    expect(status).toBe(422);
    expect(html).toContain('<a href="#code-code">Six-digit code: six digits</a>');
  });

  it('the form for another message sends one to an address that waits, and tells nobody whether it waits', async () => {
    const { email } = await signUp();
    await sql`UPDATE users SET verification_sent_at = now() - interval '2 minutes' WHERE email = ${email}`;
    for (const address of [email, newEmail()]) {
      const { status, location } = await newVisitor().send('/verify-email/resend', { email: address });
      expect({ status, location }).toEqual({ status: 303, location: '/verify-email?done=verification-sent' });
    }
    expect((await mailsTo(email)).filter(({ template }) => template === 'verify_email')).toHaveLength(2);
  });

  it('a verification link confirms a new address too', async () => {
    const { email, by } = await signUp();
    const moved = newEmail();
    await by.submit('/account/email', { email: moved, password });
    const token = await tokenIn(moved, 'verify_new_email', 'change_email');
    const after = await by.submit('/verify-email', { token });
    expect(after.html).toContain(moved);
    expect(after.html).not.toContain(email);
  });
});

describe('/verify-email in another browser than the one that signed up', () => {
  const required = () =>
    createVisitor(createClient({ ...lenient, EMAIL_VERIFICATION: 'required' }, newAddress()));
  const prove = {
    link: async (by: Visitor, email: string) =>
      by.submit('/verify-email', { token: await tokenIn(email, 'verify_email', 'verify_email') }),
    code: async (by: Visitor, email: string) =>
      by.submit('/verify-email/code', { email, code: await codeIn(email) }),
  };
  const tokenOf = (html: string) => /name="token" value="([^"]+)"/.exec(html)?.[1] ?? '';

  it.each(['link', 'code'] as const)(
    'a proof in another browser leads to the form for a password, by %s',
    async (by) => {
      const email = newEmail();
      await required().submit('/account/signup', { email, password });
      const phone = required();
      const page = await prove[by](phone, email);
      expect(page).toMatchObject({ status: 200, title: 'Choose a new password – localhost:3002' });
      expect(page.html).toContain('Your e-mail address is confirmed.');
      expect(await isVerified(email)).toBe(true);
      const after = await phone.submit('/reset-password', { token: tokenOf(page.html), password: next });
      expect(after.html).toContain('Your new password is set');
      const refused = await phone.send('/account/login', { identifier: email, password });
      expect(refused.status).toBe(401);
      expect((await phone.submit('/account/login', { identifier: email, password: next })).title).toMatch(
        /^Your account/,
      );
    },
  );

  it.each(['link', 'code'] as const)(
    'a proof in the browser that signed up says that the address is confirmed, by %s',
    async (by) => {
      const email = newEmail();
      const laptop = required();
      await laptop.submit('/account/signup', { email, password });
      const page = await prove[by](laptop, email);
      expect(page.html).toContain('Your e-mail address is confirmed.');
      expect(page.html).not.toContain('If you did not sign up yourself');
      expect(page.title).toBe('Log in or sign up – localhost:3002');
      expect(laptop.jar.size).toBe(0);
      await laptop.submit('/account/login', { identifier: email, password });
    },
  );

  it.each(['link', 'code'] as const)(
    'a proof of an account that has its password says how to shut out a stranger, by %s',
    async (by) => {
      const { email, by: stranger } = await signUp();
      const owner = newVisitor();
      const page = await prove[by](owner, email);
      expect(page.title).toBe('Log in or sign up – localhost:3002');
      expect(page.html).toContain('Your e-mail address is confirmed.');
      expect(page.html).toContain('If it was not you who signed up, choose');
      expect(page.html).toContain('href="/forgot-password"');
      expect(await isVerified(email)).toBe(true);
      expect((await stranger.open('/account')).status).toBe(200);

      await owner.submit('/forgot-password', { email });
      const token = await tokenIn(email, 'reset_password', 'reset_password');
      await owner.submit('/reset-password', { token, password: next });
      expect((await stranger.open('/account')).status).toBe(401);
    },
  );

  it('a proof leads to the form for a reset link where the browser is logged in to another account', async () => {
    const [{ email }, { by: other }] = [await signUp(), await signUp()];
    const page = await prove.link(other, email);
    expect(page.title).toBe('Forgot your password? – localhost:3002');
    expect(page.html).toContain('If it was not you who signed up, choose');
    expect(await isVerified(email)).toBe(true);
  });

  it('a proof says only that the address is confirmed where the browser is logged in to the account', async () => {
    const { email, by } = await signUp();
    const page = await prove.link(by, email);
    expect(page.title).toMatch(/^Your account/);
    expect(page.html).toContain('Your e-mail address is confirmed.');
    expect(page.html).not.toContain('If you did not sign up yourself');
  });
});

describe('/forgot-password', () => {
  it('the form for a reset link gives the same answer with and without an account', async () => {
    const { email } = await signUp();
    for (const address of [email, newEmail()]) {
      const { status, location } = await newVisitor().send('/forgot-password', { email: address });
      expect({ status, location }).toEqual({ status: 303, location: '/forgot-password?done=reset-sent' });
    }
    expect((await mailsTo(email)).filter(({ template }) => template === 'reset_password')).toHaveLength(1);
  });
});

describe('/reset-password', () => {
  it('opening a reset link changes nothing', async () => {
    const { email, token } = await forgotten();
    const before = await unused(email);
    for (const look of ['open', 'head'] as const)
      expect((await newVisitor()[look](`/reset-password?token=${token}`)).status).toBe(200);
    expect(await unused(email)).toBe(before);
  });

  it('the reset page sets the password and ends every session', async () => {
    const { email, by, token } = await forgotten();
    const reader = newVisitor();
    const page = await reader.open(`/reset-password?token=${token}`);
    expect(page.title).toBe('Choose a new password – localhost:3002');
    expect(page.html).toContain('autocomplete="new-password"');
    const after = await reader.submit('/reset-password', { token, password: next });
    expect(after.html).toContain('Your new password is set');
    expect((await by.open('/account')).html).toContain('Your session has ended.');
    // A person who set it in the logged-in browser is told about the password, not about the session.
    expect((await by.open('/account?done=password-reset')).html).not.toContain('Your session has ended.');
    await reader.submit('/account/login', { identifier: email, password: next });
  });

  it('the reset page shows every reason against a weak password, and the link stays good', async () => {
    const { email, token } = await forgotten();
    const by = newVisitor();
    const { status, html } = await by.send('/reset-password', { token, password: email });
    expect(status).toBe(422);
    expect(html).toContain('must not be your e-mail address');
    expect(html).toContain(`name="token" value="${token}"`);
    expect(html).not.toContain(`value="${email}"`);
    await by.submit('/reset-password', { token, password: next });
  });

  it.each(['used', 'made up', 'missing'])(
    'a reset link that is %s leads to the form for a new one',
    async (kind) => {
      const { token: good } = await forgotten();
      const by = newVisitor();
      if (kind === 'used') await by.submit('/reset-password', { token: good, password: next });
      const token = { used: good, 'made up': 'x'.repeat(76), missing: '' }[kind] ?? '';
      const { status, html } = await by.send('/reset-password', { token, password: `${next} too` });
      expect(status).toBe(400);
      expect(html).toContain('This link does not work any more');
      expect(html).toContain('href="/forgot-password"');
    },
  );
});

describe('/restore-email', () => {
  const moved = async () => {
    const { email, by } = await signUp();
    await by.submit('/verify-email', { token: await tokenIn(email, 'verify_email', 'verify_email') });
    const thiefs = newEmail();
    await by.submit('/account/email', { email: thiefs, password });
    await by.submit('/verify-email', { token: await tokenIn(thiefs, 'verify_new_email', 'change_email') });
    return { email, by, thiefs, token: await tokenIn(email, 'email_changed', 'restore_email') };
  };

  it('the undo page explains itself, then gives the old address back, ends every session and asks for a new password', async () => {
    const { email, by, thiefs, token } = await moved();
    const owner = newVisitor();
    for (const look of ['open', 'head'] as const)
      expect((await owner[look](`/restore-email?token=${token}`)).status).toBe(200);
    expect(await unused(thiefs)).toBeGreaterThan(0);

    const after = await owner.submit('/restore-email', { token });
    expect(after.title).toBe('Choose a new password – localhost:3002');
    expect(after.html).toContain('Your account has its old address again');
    expect(after.html).toContain('its password no longer works, because someone else may know it');
    expect(after.html).toContain(`name="token" value="${token}"`);
    expect((await by.open('/account')).status).toBe(401);
    expect(await sql`SELECT id FROM users WHERE email = ${email}`).toHaveLength(1);

    const refused = await owner.send('/reset-password', { token, password: email });
    expect(refused.status).toBe(422);
    // Who opens the link once more comes to the same form.
    expect((await owner.submit('/restore-email', { token })).html).toContain(`name="token" value="${token}"`);
    const set = await owner.submit('/reset-password', { token, password: next });
    expect(set.html).toContain('Your new password is set');
    await owner.submit('/account/login', { identifier: email, password: next });
  });

  it('an undo link that has set a password leads to the form for a reset link', async () => {
    const { email, token } = await moved();
    const owner = newVisitor();
    await owner.submit('/restore-email', { token });
    await owner.submit('/reset-password', { token, password: next });
    const again = await owner.submit('/restore-email', { token });
    expect(again.title).toBe('Forgot your password? – localhost:3002');
    expect(again.html).toContain('Your account has its old address again.');
    expect(again.html).not.toContain(token);
    const refused = await owner.send('/reset-password', { token, password: `${next} too` });
    expect([refused.status, refused.html.includes('This link does not work any more')]).toEqual([400, true]);
    await owner.submit('/account/login', { identifier: email, password: next });
  });
});
