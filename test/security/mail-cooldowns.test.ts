import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, newAccount, newEmail, password, type Tokens } from '../support/worker/client.ts';
import { mailsTo, tokenIn } from '../support/worker/mail.ts';

const lenient = { RATE_LIMIT_MAX: '10000' };
const client = createClient(lenient);
const required = createClient({ ...lenient, EMAIL_VERIFICATION: 'required' });
const forgot = (email: string) => client('POST', '/auth/password/forgot', { json: { email } });
const signUp = (email: string) => required('POST', '/auth/signup', { json: { email, password } });
const askFor = ({ access_token: bearer }: Tokens, email: string) =>
  client('POST', '/auth/email/change', { bearer, json: { password, email } });
const count = async (email: string, wanted: string) =>
  (await mailsTo(email)).filter(({ template }) => template === wanted).length;
const thirty = <T>(work: () => Promise<T>) => Promise.all(Array.from({ length: 30 }, work));
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

/** What must not differ: all but the times and ids. */
const answersOf = async (responses: readonly Response[]) =>
  new Set(
    await Promise.all(responses.map(async (response) => `${response.status} ${await response.text()}`)),
  );

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('a mailbox gets one mail of a kind in a minute, however often others ask for it', () => {
  // Proves ASVS 2.4.1.
  it('a reset link; the first one is good', async () => {
    const { email } = (await newAccount(client)).user;
    const answers = await answersOf([
      ...(await thirty(() => forgot(email))),
      ...(await thirty(() => forgot(newEmail()))),
    ]);
    expect([...answers]).toEqual(['202 {"status":"accepted"}']);
    expect(await count(email, 'reset_password')).toBe(1);
    later(60);
    await thirty(() => forgot(email));
    expect(await count(email, 'reset_password')).toBe(2);
    const token = await tokenIn(email, 'reset_password', 'reset_password');
    const json = { token, password: 'a wholly different phrase 42' };
    expect((await client('POST', '/auth/password/reset', { json })).status).toBe(204);

    await forgot(email);
    expect(await count(email, 'reset_password')).toBe(3);
  });

  it('the notice that an account exists, by sign-ups', async () => {
    const { email } = (await newAccount(client)).user;
    const answers = await answersOf([
      ...(await thirty(() => signUp(email))),
      ...(await thirty(() => signUp(newEmail()))),
    ]);
    expect([...answers]).toEqual(['202 {"status":"accepted"}']);
    expect(await count(email, 'account_exists')).toBe(1);
    later(60);
    await thirty(() => signUp(email));
    expect(await count(email, 'account_exists')).toBe(2);
  });

  it('and by changes of address', async () => {
    const [owner, ...others] = [await newAccount(client), await newAccount(client), await newAccount(client)];
    const token = await tokenIn(owner.user.email, 'verify_email', 'verify_email');
    expect((await client('POST', '/auth/email/verify', { json: { token } })).status).toBe(204);
    for (const other of others) expect((await askFor(other, owner.user.email)).status).toBe(202);
    expect(await count(owner.user.email, 'account_exists')).toBe(1);
    expect(await count(owner.user.email, 'verify_new_email')).toBe(0);
  });
});

describe('where addresses are not verified', () => {
  it('no request makes the service send a verification mail where no address is verified', async () => {
    const off = createClient({ EMAIL_VERIFICATION: 'off' });
    const { email } = (await newAccount(off)).user;
    const answer = await off('POST', '/auth/email/resend', { json: { email } });
    expect(await answersOf([answer])).toEqual(new Set(['202 {"status":"accepted"}']));
    expect(await mailsTo(email)).toEqual([]);
  });
});
