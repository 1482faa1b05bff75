import { describe, expect, it } from 'vitest';
import { newAccountAllowed, newAdmin } from '../support/worker/administrators.ts';
import { createClient, newAccount, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { createUploader } from '../support/worker/uploads.ts';
import { createVisitor } from '../support/worker/visitor.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });
const challenged = createClient({
  RATE_LIMIT_MAX: '1000',
  EMAIL_VERIFICATION: 'off',
  TURNSTILE_SECRET_KEY: '2x0000000000000000000000000000000AA',
  TURNSTILE_ROUTES: 'signup,forgot,resend',
});
const weak = 'password';

/** The code of a failure, and the pointer and the code of each of its reasons. */
const verdictOf = async (response: Response): Promise<[number, string, string[]]> => {
  const body = await response.json<{ code: string; errors?: { pointer: string; code: string }[] }>();
  const reasons = (body.errors ?? []).map(({ pointer, code }) => `${pointer} ${code}`);
  return [response.status, body.code, reasons];
};

describe('every reason at once', () => {
  it('a sign-up learns of its members, its password and its missing token together', async () => {
    const json = { email: 'no address', username: 'x', password: weak };
    const [status, code, reasons] = await verdictOf(await challenged('POST', '/auth/signup', { json }));
    expect([status, code]).toEqual([422, 'validation_failed']);
    expect(reasons).toEqual([
      '/email invalid',
      '/username too_short',
      '/password too_short',
      '/password too_guessable',
      '/turnstile_token required',
    ]);
  });

  it('a sign-up whose password alone is weak learns of its missing token too', async () => {
    const json = { email: newEmail(), password: weak };
    const answer = await verdictOf(await challenged('POST', '/auth/signup', { json }));
    expect(answer).toEqual([
      422,
      'weak_password',
      ['/password too_short', '/password too_guessable', '/turnstile_token required'],
    ]);
  });

  it('a member is not reported twice, and no token is missed where none is needed', async () => {
    const token = { email: 'no address', password, turnstile_token: 'x'.repeat(2049) };
    expect((await verdictOf(await challenged('POST', '/auth/signup', { json: token })))[2]).toEqual([
      '/email invalid',
      '/turnstile_token too_long',
    ]);
    const json = { email: 'no address', password: weak };
    expect((await verdictOf(await client('POST', '/auth/signup', { json })))[2]).toEqual([
      '/email invalid',
      '/password too_short',
      '/password too_guessable',
    ]);
  });

  it.each(['{', '[]', 'null', '"text"', '{"password":7}'])(
    'the body %s is refused as before',
    async (body) => {
      const headers = { 'Content-Type': 'application/json' };
      const { status } = await client('POST', '/auth/signup', { body, headers });
      expect(status).toBe(body === '{' ? 400 : 422);
    },
  );

  it('the password is compared with the names that are sent, as far as they are good', async () => {
    const username = `florence-${crypto.randomUUID().slice(0, 4)}`;
    const json = { email: 'no address', username, password: `${username}${username}` };
    const [, , reasons] = await verdictOf(await client('POST', '/auth/signup', { json }));
    expect(reasons).toContain('/password contains_account');
  });

  it.each(['/auth/password/forgot', '/auth/email/resend'])(
    '%s tells of the address and the token',
    async (path) => {
      const answer = await verdictOf(await challenged('POST', path, { json: { email: 'no address' } }));
      expect(answer).toEqual([422, 'validation_failed', ['/email invalid', '/turnstile_token required']]);
    },
  );

  it('the page to sign up shows them all', async () => {
    const { html, status } = await createVisitor(challenged).send('/account/signup', {
      email: 'no address',
      password: weak,
    });
    expect(status).toBe(422);
    expect(html).toContain('E-mail address: must be an e-mail address');
    expect(html).toMatch(/Password: at least \d+ characters/);
    expect(html).toContain('Password: too easy to guess');
  });

  it('a change of the password tells what is wrong with both passwords', async () => {
    const { access_token: bearer } = await newAccount(client);
    const change = (json: object) => client('POST', '/auth/password', { bearer, json });
    expect(await verdictOf(await change({ current_password: '', new_password: weak }))).toEqual([
      422,
      'validation_failed',
      ['/current_password too_short', '/new_password too_short', '/new_password too_guessable'],
    ]);
    expect(await verdictOf(await change({ current_password: 'wrong', new_password: weak }))).toEqual([
      401,
      'invalid_credentials',
      ['/current_password incorrect', '/new_password too_short', '/new_password too_guessable'],
    ]);
    const good = 'a wholly different phrase 42';
    expect(await verdictOf(await change({ current_password: 'wrong', new_password: good }))).toEqual([
      401,
      'invalid_credentials',
      ['/current_password incorrect'],
    ]);
  });

  it('the page to change the password shows both', async () => {
    const visitor = createVisitor(client);
    await visitor.submit('/account/signup', { email: newEmail(), password });
    const form = { current_password: 'wrong', new_password: weak };
    const { html, status } = await visitor.send('/account/password', form);
    expect(status).toBe(401);
    expect(html).toContain('Current password: not the right one');
    expect(html).not.toContain('not the current password of the account');
    expect(html).toContain('New password: too easy to guess');
  });
});

describe('names that are taken', () => {
  const newName = () => `name-${crypto.randomUUID().slice(0, 8)}`;
  const taken = async () => {
    const names = { email: newEmail(), username: newName() };
    expect((await client('POST', '/auth/signup', { json: { ...names, password } })).status).toBe(201);
    return names;
  };

  it('a sign-up and an administrator learn of both', async () => {
    const names = await taken();
    const both = [409, 'email_taken', ['/email taken', '/username taken']];
    expect(await verdictOf(await client('POST', '/auth/signup', { json: { ...names, password } }))).toEqual(
      both,
    );
    const { access_token: bearer } = await newAdmin(client);
    expect(await verdictOf(await client('POST', '/users', { bearer, json: names }))).toEqual(both);
  });

  it('a sign-up learns of the only one', async () => {
    const { email, username } = await taken();
    const signup = async (json: object) =>
      verdictOf(await client('POST', '/auth/signup', { json: { password, ...json } }));
    expect(await signup({ email })).toEqual([409, 'email_taken', ['/email taken']]);
    expect(await signup({ email, username: newName() })).toEqual([409, 'email_taken', ['/email taken']]);
    const free = { email: newEmail(), username };
    expect(await signup(free)).toEqual([409, 'username_taken', ['/username taken']]);
  });

  it('no sign-up learns of the address while addresses are verified first', async () => {
    const required = createClient({ EMAIL_VERIFICATION: 'required' });
    const { email, username } = await taken();
    const answers = [];
    for (const address of [email, newEmail()]) {
      const json = { email: address, username, password };
      answers.push(await verdictOf(await required('POST', '/auth/signup', { json })));
    }
    const only = [409, 'username_taken', ['/username taken']];
    expect(answers).toEqual([only, only]);
    const weakly = { email, username: 'x', password: weak };
    const [known, unknown] = [
      await verdictOf(await required('POST', '/auth/signup', { json: weakly })),
      await verdictOf(await required('POST', '/auth/signup', { json: { ...weakly, email: newEmail() } })),
    ];
    expect(known).toEqual(unknown);
  });
});

describe('an administrator who creates an account', () => {
  it('learns of its members and its password together', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const json = { email: 'no address', password: weak };
    expect(await verdictOf(await client('POST', '/users', { bearer, json }))).toEqual([
      422,
      'validation_failed',
      ['/email invalid', '/password too_short', '/password too_guessable'],
    ]);
  });

  it('needs the permission before a password is judged', async () => {
    const { access_token: bearer } = await newAccountAllowed(client, 'users:read');
    const json = { email: 'no address', password: weak };
    await expectProblem(await client('POST', '/users', { bearer, json }), 403, 'forbidden');
  });
});

it('the declaration of a file tells of its members and of the policy together', async () => {
  const uploader = createUploader();
  const { access_token: bearer, user } = await newAccount(uploader);
  const json = { filename: 'a/b.pdf', content_type: 'text/html', size: 10_000_000, sha256: 'none' };
  const [status, code, reasons] = await verdictOf(await uploader('POST', '/uploads', { bearer, json }));
  expect([status, code]).toEqual([422, 'validation_failed']);
  expect(reasons.map((reason) => reason.split(' ')[0])).toEqual([
    '/sha256',
    '/filename',
    '/content_type',
    '/size',
  ]);
  expect(await sql`select id from uploads where user_id = ${user.id}`).toEqual([]);
});
