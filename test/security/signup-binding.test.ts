import { env } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSealedSignUps } from '../../src/accounts/sealed-sign-ups.ts';
import { loadConfig } from '../../src/platform/config/load.ts';
import {
  type Client,
  cookiesOf,
  createBrowser,
  createClient,
  newAddress,
  newEmail,
  password as owners,
  silentQueue,
  type Tokens,
} from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import { codeIn, mailsTo, tokenIn } from '../support/worker/mail.ts';

const lenient = {
  RATE_LIMIT_MAX: '10000',
  // What is delivered meanwhile would ask the database too.
  MAIL_QUEUE: silentQueue,
};
const required = createClient({ ...lenient, EMAIL_VERIFICATION: 'required' });
const optional = createClient(lenient);
const strangers = 'what the stranger has chosen 17';
const chosenLater = 'seventeen purple kettles sing';
const cookieName = 'itsor_session_signup';

const post = (by: Client, path: string, json: object, init: object = {}) =>
  by('POST', path, { json, ...init });
const signUp = (by: Client, email: string, password: string, more: object = {}) =>
  post(by, '/auth/signup', { email, password, ...more });
const resend = (email: string) => post(required, '/auth/email/resend', { email });
const verify = (by: Client, proof: object, init: object = {}) => post(by, '/auth/email/verify', proof, init);
const reset = async (token: string, password = chosenLater) =>
  (await post(required, '/auth/password/reset', { token, password })).status;
/** From a network of its own: the failures of all these tests together would lock one. */
const login = async (email: string, password: string) => {
  const headers = { 'CF-Connecting-IP': newAddress() };
  return (await post(required, '/auth/token', { email, password }, { headers })).status;
};
const linkIn = async (email: string) => ({ token: await tokenIn(email, 'verify_email', 'verify_email') });
const codeOf = async (email: string) => ({ email, code: await codeIn(email) });
const proofs = { link: linkIn, code: codeOf } as const;
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);
const accountOf = async (email: string) =>
  (await sql`select id, password_hash, email_verified_at from users where email = ${email}`)[0];
const attemptIn = (response: Response) => cookiesOf(response).get(cookieName)?.value ?? '';

const expectPasswordRequired = async (response: Response) => {
  expect(response.status).toBe(200);
  expect(response.headers.get('Cache-Control')).toBe('no-store');
  const { reset_token: token, ...told } = await response.json<{ reset_token: string }>();
  expect(told).toEqual({ password_required: true });
  return token;
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('the message that asks for the proof', () => {
  it.each([
    ['required', required, true],
    ['optional', optional, false],
  ] as const)(
    'the verification message, and the next one, tells under %s whether this browser keeps what was chosen',
    async (_, by, holds) => {
      const email = newEmail();
      await signUp(by, email, strangers);
      later(61);
      await post(by, '/auth/email/resend', { email });
      const details = (await mailsTo(email)).map(({ details }) => Boolean(details.completes_sign_up));
      expect(details).toEqual([holds, holds]);
    },
  );
});

describe('two sign-ups of one address, and the message asked for again', () => {
  /** Each is a step that the stranger or the owner takes; `wait` is what makes another mail possible. */
  type Step = 'stranger' | 'owner' | 'resend' | 'wait';
  const orders: Step[][] = [
    ['stranger', 'owner', 'wait', 'resend'],
    ['stranger', 'owner'],
    ['stranger', 'wait', 'owner'],
    ['stranger', 'wait', 'owner', 'wait', 'resend'],
    ['owner', 'stranger'],
    ['owner', 'stranger', 'wait', 'resend'],
    ['owner', 'wait', 'stranger'],
    ['owner', 'wait', 'stranger', 'wait', 'resend'],
    ['stranger', 'wait', 'resend', 'owner'],
  ];
  const cases = orders.flatMap((steps) =>
    (['link', 'code'] as const).map((by) => [steps.join(', '), by, steps] as const),
  );

  const take = async (steps: readonly Step[], email: string) => {
    const browsers = { stranger: createBrowser(required), owner: createBrowser(required) };
    for (const step of steps) {
      if (step === 'wait') later(60);
      else if (step === 'resend') await resend(email);
      else await signUp(browsers[step], email, step === 'owner' ? owners : strangers);
    }
    return browsers;
  };

  it.each(cases)(
    '%s: by the %s in their browser the owner gets the password they chose',
    async (_, by, steps) => {
      const email = newEmail();
      const { owner, stranger } = await take(steps, email);
      const proof = await proofs[by](email);
      expect((await verify(owner, proof)).status).toBe(204);
      expect([await login(email, strangers), await login(email, owners)]).toEqual([401, 200]);
      // What the stranger still has is worth nothing.
      expect((await verify(stranger, proof)).status).toBe(400);
      later(60);
      await resend(email);
      expect((await verify(stranger, proof)).status).toBe(400);
      expect(await login(email, strangers)).toBe(401);
    },
  );

  it.each(cases)('%s: a proof by the %s on another device sets no password', async (_, by, steps) => {
    const email = newEmail();
    await take(steps, email);
    const token = await expectPasswordRequired(await verify(required, await proofs[by](email)));
    expect([await login(email, strangers), await login(email, owners)]).toEqual([401, 401]);
    expect(await reset(token)).toBe(204);
    expect([await login(email, strangers), await login(email, chosenLater)]).toEqual([401, 200]);
  });

  it('the database has no password of a sign-up before the proof', async () => {
    const email = newEmail();
    await take(['stranger', 'owner', 'wait', 'resend'], email);
    const tokens = await sql`select password_hash, username from one_time_tokens where email = ${email}`;
    expect(tokens).toEqual([
      { password_hash: null, username: null },
      { password_hash: null, username: null },
    ]);
    expect(await accountOf(email)).toMatchObject({ password_hash: null, email_verified_at: null });
  });

  it('when two browsers prove their sign-ups of one address at once, the first gets the account and the other nothing', async () => {
    for (let turn = 0; turn < 5; turn++) {
      const email = newEmail();
      const [one, other] = [createBrowser(required), createBrowser(required)];
      await signUp(one, email, owners);
      const first = await linkIn(email);
      later(60);
      await signUp(other, email, strangers);
      const second = await linkIn(email);
      const answers = await Promise.all([verify(one, first), verify(other, second)]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses.toSorted()).toEqual([204, 400]);
      const works = [await login(email, owners), await login(email, strangers)];
      expect(works).toEqual(statuses.map((status) => (status === 204 ? 200 : 401)));
    }
  });
});

describe('a sign-up in the browser that proves the address', () => {
  it('a proof in the browser that signed up takes one round trip and clears its cookie', async () => {
    const email = newEmail();
    const signup = await signUp(required, email, owners);
    expect(cookiesOf(signup).get(cookieName)?.attributes).toEqual([
      'Max-Age=86400',
      'Path=/',
      'HttpOnly',
      'SameSite=Lax',
    ]);
    const proof = await linkIn(email);
    let answer: Response | undefined;
    const cookies = { [cookieName]: attemptIn(signup) };
    expect(
      await countRoundTrips(async () => {
        answer = await verify(required, proof, { cookies });
      }),
    ).toBe(1);
    expect(answer?.status).toBe(204);
    expect(answer && cookiesOf(answer).get(cookieName)).toMatchObject({ value: '' });
    expect(answer && cookiesOf(answer).get(cookieName)?.attributes).toContain('Max-Age=0');
  });

  it.each(['claimed', 'bare'] as const)(
    'the proof of an address ends every older link that sets a password (%s)',
    async (kind) => {
      const email = newEmail();
      const by = createBrowser(required);
      await signUp(by, email, owners);
      await post(required, '/auth/password/forgot', { email });
      const older = await tokenIn(email, 'reset_password', 'reset_password');
      const proved = await verify(kind === 'claimed' ? by : required, await linkIn(email));
      expect(proved.status).toBe(kind === 'claimed' ? 204 : 200);
      expect(await reset(older)).toBe(400);
      if (kind === 'bare') {
        const { reset_token } = await proved.json<{ reset_token: string }>();
        expect(await reset(reset_token)).toBe(204);
      }
    },
  );

  it('a browser keeps its sign-up when the code is mistyped', async () => {
    const email = newEmail();
    const by = createBrowser(required);
    await signUp(by, email, owners);
    const proof = await codeOf(email);
    const code = proof.code === '000000' ? '000001' : '000000';
    expect((await verify(by, { email, code })).status).toBe(400);
    expect((await verify(by, proof)).status).toBe(204);
    expect(await login(email, owners)).toBe(200);
  });

  it('the cookie of a sign-up has the host prefix where cookies are secure, so that no sibling subdomain can plant one', async () => {
    for (const name of ['itsor_session', '__Host-itsor_session', '__Secure-itsor_session']) {
      const secure = { ...lenient, SESSION_COOKIE_SECURE: 'true', SESSION_COOKIE_NAME: name };
      const by = createClient({ ...secure, EMAIL_VERIFICATION: 'required' });
      const cookie = cookiesOf(await signUp(by, newEmail(), owners)).get(`__Host-${cookieName}`);
      expect(cookie?.attributes).toEqual(['Max-Age=86400', 'Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax']);
    }
  });

  it('a sign-up with the longest address and user name fits into a cookie', async () => {
    const labels = Array.from({ length: 3 }, () => 'd'.repeat(60)).join('.');
    const longest = `${`${crypto.randomUUID()}${'a'.repeat(64)}`.slice(0, 64)}@${labels}.example`.slice(
      0,
      254,
    );
    const signup = await signUp(required, longest, owners, {
      username: `u${crypto.randomUUID().slice(0, 31)}`,
    });
    expect(signup.status).toBe(202);
    expect(attemptIn(signup).length).toBeGreaterThan(300);
    expect(attemptIn(signup).length).toBeLessThan(1500);
  });

  it('the cookie and the body of a sign-up are alike for known, waiting and new addresses', async () => {
    const known = newEmail();
    const by = createBrowser(required);
    await signUp(by, known, owners);
    expect((await verify(by, await linkIn(known))).status).toBe(204);
    const waiting = newEmail();
    await signUp(required, waiting, owners);
    const shapes = new Set();
    for (const email of [known, waiting, newEmail()]) {
      for (const scope of ['', 'offline_access']) {
        const answer = await signUp(required, email, strangers, { scope });
        const body = await answer.json<Record<string, string>>();
        const shape = Object.entries(body).map(([name, value]) => [name, value.length]);
        shapes.add(JSON.stringify([scope, answer.status, shape, attemptIn(answer).length]));
      }
    }
    // The addresses have one length, give or take the counter at their end.
    expect(shapes.size).toBe(2);
  });
});

describe('a client without cookies', () => {
  it('a client without cookies can ask for its sign-up in the answer, and send it with the proof', async () => {
    for (const by of ['link', 'code'] as const) {
      const email = newEmail();
      const answer = await signUp(required, email, owners, { scope: 'offline_access' });
      expect(answer.headers.get('Cache-Control')).toBe('no-store');
      const { signup_attempt } = await answer.json<{ signup_attempt: string }>();
      const proof = { ...(await proofs[by](email)), signup_attempt };
      expect((await verify(required, proof)).status).toBe(204);
      expect(await login(email, owners)).toBe(200);
    }
  });

  it('a client that does not ask for its sign-up in the answer does not get it', async () => {
    const answer = await signUp(required, newEmail(), owners);
    expect(await answer.json()).toEqual({ status: 'accepted' });
  });

  it('the sign-up that a client sends in the body goes before its cookie', async () => {
    const email = newEmail();
    const stranger = await signUp(required, email, strangers);
    const answer = await signUp(required, email, owners, { scope: 'offline_access' });
    const { signup_attempt } = await answer.json<{ signup_attempt: string }>();
    const cookies = { [cookieName]: attemptIn(stranger) };
    const proof = { ...(await linkIn(email)), signup_attempt };
    expect((await verify(required, proof, { cookies })).status).toBe(204);
    expect([await login(email, strangers), await login(email, owners)]).toEqual([401, 200]);
  });

  it('the same scope gives a refresh token where a sign-up logs in at once', async () => {
    const answer = await signUp(optional, newEmail(), owners, { scope: 'offline_access' });
    expect(await answer.json()).toMatchObject({ scope: 'offline_access', refresh_token: expect.any(String) });
  });
});

describe('a sign-up is worth nothing', () => {
  const withCookie = (value: string) => ({ cookies: { [cookieName]: value } });

  it('a sign-up gives nothing to a proof of another address', async () => {
    const [email, other] = [newEmail(), newEmail()];
    const stranger = await signUp(required, other, strangers);
    await signUp(required, email, owners);
    const answer = await verify(required, await linkIn(email), withCookie(attemptIn(stranger)));
    await expectPasswordRequired(answer);
    expect(await login(email, strangers)).toBe(401);
  });

  it('a sign-up gives nothing to an account that has an owner already', async () => {
    const email = newEmail();
    const stranger = attemptIn(await signUp(required, email, strangers));
    const link = await linkIn(email);
    const token = await expectPasswordRequired(await verify(required, link));
    // The address is proved, and the password not chosen yet.
    expect((await verify(required, link, withCookie(stranger))).status).toBe(400);
    later(60);
    await resend(email);
    expect(await mailsTo(email)).toHaveLength(1);
    expect(await login(email, strangers)).toBe(401);
    expect(await reset(token)).toBe(204);
    expect(await reset(token, strangers)).toBe(400);
    expect([await login(email, strangers), await login(email, chosenLater)]).toEqual([401, 200]);
  });

  it('a sign-up gives nothing to the next account of its address', async () => {
    const email = newEmail();
    const by = createBrowser(required);
    await signUp(by, email, owners);
    const link = await linkIn(email);
    expect((await verify(by, link)).status).toBe(204);
    const stranger = attemptIn(await signUp(required, email, strangers));
    expect((await verify(required, link, withCookie(stranger))).status).toBe(400);
    expect([await login(email, strangers), await login(email, owners)]).toEqual([401, 200]);
  });

  it('a sign-up whose seal is broken, made up or too old is worth nothing', async () => {
    const loaded = loadConfig(env);
    if (!loaded.ok) throw new Error('the tests are misconfigured');
    const email = newEmail();
    const { seal } = createSealedSignUps([loaded.config.session.secretKey]);
    const good = attemptIn(await signUp(required, email, owners));
    const [, , iv = '', text = '', tag = ''] = good.split('.');
    const old = new Date(Date.now() - 86_400_000);
    const others = [
      `${good.split('.')[0]}..${iv}.${text.slice(0, -2)}AA.${tag}`,
      'made-up',
      'x'.repeat(3000),
      await seal({ email, passwordHash: 'any', username: null }, old),
    ];
    for (const value of others) {
      const mailed = newEmail();
      await signUp(required, mailed, owners);
      await expectPasswordRequired(await verify(required, await linkIn(mailed), withCookie(value)));
    }
    expect((await accountOf(email))?.password_hash).toBeNull();
  });

  it('two sign-up cookies are refused, because a sibling subdomain could plant one, and the proof stays good', async () => {
    const email = newEmail();
    const stranger = attemptIn(await signUp(required, email, strangers));
    const owner = attemptIn(await signUp(required, email, owners));
    const link = await linkIn(email);
    for (const [one, other] of [
      [stranger, owner],
      [owner, stranger],
    ]) {
      const headers = { Cookie: `${cookieName}=${one}; ${cookieName}=${other}` };
      const refused = await verify(required, link, { headers });
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ code: 'duplicate_cookie' });
    }
    expect((await verify(required, link, withCookie(owner))).status).toBe(204);
    expect([await login(email, strangers), await login(email, owners)]).toEqual([401, 200]);
  });

  it('a sealed sign-up serves neither as a session nor as an attempt of another kind', async () => {
    const attempt = attemptIn(await signUp(required, newEmail(), strangers));
    expect((await required('GET', '/auth/me', { cookies: { itsor_session: attempt } })).status).toBe(401);
    expect((await required('GET', '/auth/me', { bearer: attempt })).status).toBe(401);
    expect(await reset(attempt.slice(0, 256))).toBe(400);
  });
});

describe('a proof on another device', () => {
  it('a proof on another device gives a token that sets one password within 30 minutes', async () => {
    for (const by of ['link', 'code'] as const) {
      const email = newEmail();
      await signUp(required, email, owners);
      const token = await expectPasswordRequired(await verify(required, await proofs[by](email)));
      const weak = await post(required, '/auth/password/reset', { token, password: email });
      expect(weak.status).toBe(422);
      later(1800);
      expect(await reset(token)).toBe(400);
    }
  });

  it('the audit trail has a proof on another device as a proof and as a reset request', async () => {
    const email = newEmail();
    await signUp(required, email, owners);
    await verify(required, await linkIn(email));
    const events =
      await sql`select type from audit_events where subject_id = ${(await accountOf(email))?.id}`;
    expect(events.map(({ type }) => type).toSorted()).toEqual([
      'account.signed_up',
      'email.verified',
      'password.reset_requested',
    ]);
  });

  it('a proof does not set the password that a token of the previous version still holds', async () => {
    const email = newEmail();
    await signUp(required, email, owners);
    await sql`update one_time_tokens set password_hash = 'of a stranger', username = 'a-stranger' where email = ${email}`;
    await expectPasswordRequired(await verify(required, await linkIn(email)));
    expect((await accountOf(email))?.password_hash).toBeNull();
    const [token] =
      await sql`select password_hash from one_time_tokens where email = ${email} and purpose = 'verify_email'`;
    expect(token?.password_hash).toBeNull();
  });
});

describe('where a sign-up logs in at once', () => {
  it('a sign-up that logs in at once sets no cookie that waits for the proof', async () => {
    for (const mode of ['optional', 'off']) {
      const signup = await signUp(createClient({ ...lenient, EMAIL_VERIFICATION: mode }), newEmail(), owners);
      expect(signup.status).toBe(201);
      expect(cookiesOf(signup).has(cookieName)).toBe(false);
    }
  });

  it.each(['link', 'code'] as const)(
    'a %s from any device verifies the address and changes nothing else, and a reset throws the stranger out',
    async (by) => {
      for (const client of [optional, required]) {
        const email = newEmail();
        const { access_token: bearer } = await (await signUp(optional, email, strangers)).json<Tokens>();
        expect((await verify(client, await proofs[by](email))).status).toBe(204);
        expect((await accountOf(email))?.email_verified_at).not.toBeNull();
        expect(await login(email, strangers)).toBe(200);
        expect((await optional('GET', '/auth/me', { bearer })).status).toBe(200);

        await post(optional, '/auth/password/forgot', { email });
        expect(await reset(await tokenIn(email, 'reset_password', 'reset_password'))).toBe(204);
        expect((await optional('GET', '/auth/me', { bearer })).status).toBe(401);
        expect([await login(email, strangers), await login(email, chosenLater)]).toEqual([401, 200]);
      }
    },
  );

  it('a sign-up of another browser sets no password where sign-ups log in at once', async () => {
    const email = newEmail();
    const stranger = attemptIn(await signUp(required, email, strangers));
    await sql`delete from users where email = ${email}`;
    await signUp(optional, email, owners);
    const cookies = { [cookieName]: stranger };
    expect((await verify(required, await linkIn(email), { cookies })).status).toBe(204);
    expect([await login(email, strangers), await login(email, owners)]).toEqual([401, 200]);
  });
});

it('a logout clears the sign-up cookie of the browser', async () => {
  const email = newEmail();
  const browser = createBrowser(required);
  await signUp(browser, email, strangers);
  expect((await browser('POST', '/auth/logout')).status).toBe(204);
  await expectPasswordRequired(await verify(browser, await linkIn(email)));
});
