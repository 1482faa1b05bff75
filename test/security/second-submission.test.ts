import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createBrowser,
  createClient,
  newAccount,
  newEmail,
  password,
  silentQueue,
} from '../support/worker/client.ts';
import { countRoundTrips, raceSize, sql } from '../support/worker/database.ts';
import { codeIn, mailsTo, tokenIn, tokenOf } from '../support/worker/mail.ts';
import { createMoves, day, lenient, nextPassword } from '../support/worker/moves.ts';
import { whileTicking } from '../support/worker/ticking-clock.ts';

// Mails are not delivered, so that only the requests themselves ask the database.
const variables = { ...lenient, MAIL_QUEUE: silentQueue };
const client = createClient(variables);
const required = createClient({ ...variables, EMAIL_VERIFICATION: 'required' });
const by = createMoves(client);
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
const stranger = () => createClient(variables);

const verify = (json: Record<string, string>, from = client) => from('POST', '/auth/email/verify', { json });
const reset = async (token: string, secret: string, from = client) =>
  (await from('POST', '/auth/password/reset', { json: { token, password: secret } })).status;

/** All that the database has about an account. */
const rowsOf = async (id: string) => ({
  users: await sql`select * from users where id = ${id}`,
  tokens: await sql`select * from one_time_tokens where user_id = ${id} order by id`,
  sessions: await sql`select * from sessions where user_id = ${id} order by id`,
  mails: await sql`select id, template from outbox where user_id = ${id} order by id`,
  events: await sql`select type from audit_events where subject_id = ${id} or actor_id = ${id} order by id`,
});

/** A second use succeeds in one round trip, writes nothing, and gives nothing to the client. */
const repeatsInSilence = async (id: string, send: () => Promise<Response>, status = 204) => {
  const before = await rowsOf(id);
  let response = new Response();
  expect(
    await countRoundTrips(async () => {
      response = await send();
    }),
  ).toBe(1);
  expect([response.status, response.headers.getSetCookie()]).toEqual([status, []]);
  expect(await rowsOf(id)).toEqual(before);
  return response;
};

const unproved = async () => {
  const { user, access_token: bearer } = await newAccount(client);
  const token = await tokenIn(user.email, 'verify_email', 'verify_email');
  return { id: user.id, email: user.email, bearer, token };
};

const proved = async () => {
  const account = await unproved();
  expect((await verify({ token: account.token })).status).toBe(204);
  return account;
};

const resetOnce = async () => {
  const owner = await by.newOwner();
  const token = await by.forgot(owner.email);
  expect(await reset(token, nextPassword)).toBe(204);
  return { ...owner, token };
};

/** What ends the success of a link. */
const movedOn: Record<string, (account: { id: string; email: string; bearer: string }) => Promise<unknown>> =
  {
    'has another address': async ({ bearer }) => expect(await by.move(bearer, newEmail())).toBe(204),
    'is disabled': ({ id }) => sql`update users set disabled_at = now() where id = ${id}`,
    'is deleted': ({ id }) => sql`delete from users where id = ${id}`,
    'is not verified any more': ({ id }) => sql`update users set email_verified_at = null where id = ${id}`,
  };

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('a verification link that is used again', () => {
  it.each([0, 2 * day, 36 * day])(
    'says that the address is confirmed, and writes nothing, after %i ms',
    async (ms) => {
      const { id, token } = await proved();
      later(ms);
      await repeatsInSilence(id, () => verify({ token }, stranger()));
    },
  );

  it.each(Object.keys(movedOn))('is refused once its account %s', async (what) => {
    const account = await proved();
    await movedOn[what]?.(account);
    const answer = await verify({ token: account.token });
    expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([400, 'token_invalid']);
  });

  it('is refused if it was voided, and once its row is deleted', async () => {
    const { id, email, token } = await unproved();
    expect(await reset(await by.forgot(email), nextPassword)).toBe(204);
    expect((await verify({ token })).status).toBe(400);
    const purposes = await sql`
      select purpose from one_time_tokens where user_id = ${id} and succeeded_at is not null`;
    expect(purposes).toEqual([{ purpose: 'reset_password' }]);

    const old = await proved();
    await sql`delete from one_time_tokens where user_id = ${old.id}`;
    expect((await verify({ token: old.token })).status).toBe(400);
  });

  it('says so too where the code of its message was used first, and the other way round', async () => {
    const [one, other] = [await unproved(), await unproved()];
    const codes = [await codeIn(one.email), await codeIn(other.email)] as const;
    const { email } = one;
    expect((await verify({ email, code: codes[0] })).status).toBe(204);
    await repeatsInSilence(one.id, () => verify({ token: one.token }));
    expect((await verify({ token: other.token })).status).toBe(204);
    await repeatsInSilence(other.id, () => verify({ email: other.email, code: codes[1] }));
  });

  it('forgives no failed logins, so that a used link is no way around the login guard', async () => {
    const { email, token } = await proved();
    for (let guess = 0; guess < 5; guess++) expect(await by.login(email, 'wrong')).toBeNull();
    await verify({ token });
    const locked = await client('POST', '/auth/token', { json: { identifier: email, password } });
    expect(locked.status).toBe(429);
  });

  it('opens no session, and leaves the sign-up of another address in its browser', async () => {
    const { token } = await proved();
    const browser = createBrowser(required);
    const other = newEmail();
    await browser('POST', '/auth/signup', { json: { email: other, password } });
    expect((await verify({ token }, browser)).headers.getSetCookie()).toEqual([]);
    expect((await browser('GET', '/auth/me')).status).toBe(401);
    const link = await tokenIn(other, 'verify_email', 'verify_email');
    expect((await verify({ token: link }, browser)).status).toBe(204);
    expect((await required('POST', '/auth/token', { json: { email: other, password } })).status).toBe(200);
  });
});

describe('the link of a new address that is used again', () => {
  const movedTo = async () => {
    const owner = await by.newOwner();
    const email = newEmail();
    await by.ask(owner.bearer, email);
    const token = await tokenIn(email, 'verify_new_email', 'change_email');
    return { ...owner, email, from: owner.email, token };
  };

  it('says that the account has the address, and writes nothing', async () => {
    const { id, token } = await movedTo();
    const answers = await Promise.all(Array.from({ length: 5 }, () => verify({ token })));
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(204));
    const moves = async () => (await rowsOf(id)).events.filter(({ type }) => type === 'email.changed');
    expect(await moves()).toHaveLength(1);
    later(2 * day);
    await repeatsInSilence(id, () => verify({ token }, stranger()));
  });

  it('is refused once the account has left the address, in every browser', async () => {
    const { id, from, bearer, token } = await movedTo();
    expect((await verify({ token })).status).toBe(204);
    expect(await by.restore(await by.undoLink(from))).toBe(204);
    const before = await rowsOf(id);
    for (const request of [{ json: { token } }, { json: { token }, bearer }])
      expect((await client('POST', '/auth/email/verify', request)).status).toBe(400);
    expect(await rowsOf(id)).toEqual(before);
  });
});

describe('a code that is sent again', () => {
  it('says that the address is confirmed, and is not a failed guess', async () => {
    const { id, email } = await unproved();
    const code = await codeIn(email);
    expect((await verify({ email, code })).status).toBe(204);
    // More often than wrong codes may be sent in a day.
    for (let turn = 0; turn < 12; turn++) await repeatsInSilence(id, () => verify({ email, code }));
  });

  it('in parallel, proves the address once, and each answer says so', async () => {
    const { id, email } = await unproved();
    const code = await codeIn(email);
    const answers = await Promise.all([1, 2, 3].map(() => verify({ email, code })));
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
    const { events } = await rowsOf(id);
    expect(events.filter(({ type }) => String(type).startsWith('email.'))).toEqual([
      { type: 'email.verified' },
    ]);
  });

  it('is refused and counted once its ten minutes are over', async () => {
    const { email } = await unproved();
    const code = await codeIn(email);
    await verify({ email, code });
    later(600_000);
    const statuses = [];
    for (let turn = 0; turn < 6; turn++) statuses.push((await verify({ email, code })).status);
    expect(statuses).toEqual([400, 400, 400, 400, 400, 429]);
  });

  it('clears no failures of its network, and another code is a wrong guess as before', async () => {
    const { email } = await unproved();
    const code = await codeIn(email);
    const wrong = code === '000000' ? '000001' : '000000';
    await verify({ email, code });
    const statuses = [];
    for (const guess of [wrong, wrong, code, wrong, wrong, code, wrong, wrong])
      statuses.push((await verify({ email, code: guess })).status);
    expect(statuses).toEqual([400, 400, 204, 400, 400, 204, 400, 429]);
  });
});

describe('the code of a message that is not the newest', () => {
  const resent = async () => {
    const account = await unproved();
    const first = await codeIn(account.email);
    later(60_000);
    await client('POST', '/auth/email/resend', { json: { email: account.email } });
    return { ...account, first };
  };

  it('proves nothing, says which code does, and is not a failed guess', async () => {
    const { id, email, first } = await resent();
    const before = await rowsOf(id);
    for (let turn = 0; turn < 12; turn++) {
      const answer = await verify({ email, code: first });
      expect(await answer.json()).toMatchObject({
        code: 'token_invalid',
        detail: expect.stringContaining('Use the code of our newest message'),
      });
    }
    expect(await rowsOf(id)).toEqual(before);
    expect((await verify({ email, code: await codeIn(email) })).status).toBe(204);
  });

  it('is a wrong guess like any other once it has expired or its message is void', async () => {
    const { email, first } = await resent();
    later(541_000);
    const expired = await (await verify({ email, code: first })).json<{ detail: string }>();
    expect(expired.detail).toBe('The token is unknown, used or expired.');
    const { id, ...other } = await resent();
    await sql`update one_time_tokens set used_at = now() where user_id = ${id}`;
    const voided = await (await verify({ email: other.email, code: other.first })).json<{ detail: string }>();
    expect(voided.detail).toBe(expired.detail);
  });
});

describe('a proof in another browser than that of the sign-up, sent again', () => {
  const waiting = async () => {
    const email = newEmail();
    await required('POST', '/auth/signup', { json: { email, password } });
    const [{ id } = {}] = await sql`select id from users where email = ${email}`;
    return { id: String(id), email, token: await tokenIn(email, 'verify_email', 'verify_email') };
  };
  const resetTokenIn = async (response: Response) =>
    (await response.json<{ reset_token: string }>()).reset_token;

  it.each(['link', 'code'])('gets the same token for a password within ten seconds, by %s', async (kind) => {
    const { id, email, token } = await waiting();
    const proof = kind === 'link' ? { token } : { email, code: await codeIn(email) };
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => verify(proof, required)));
    const resetToken = await resetTokenIn(first ?? new Response());
    for (const other of others) expect(await resetTokenIn(other)).toBe(resetToken);
    later(9_000);
    expect(await resetTokenIn(await repeatsInSilence(id, () => verify(proof, required), 200))).toBe(
      resetToken,
    );
    expect(await reset(resetToken, nextPassword, required)).toBe(204);
  });

  it('is known again however the clock goes on within a request', async () => {
    const { token } = await waiting();
    const answers = await whileTicking(async () => [
      await verify({ token }, required),
      await verify({ token }, required),
    ]);
    const [first, second] = await Promise.all(answers.map(resetTokenIn));
    expect(first).toMatch(/./);
    expect(second).toBe(first);
  });

  it('gets no token for a password later, or once a password is set', async () => {
    const [slow, prompt] = [await waiting(), await waiting()];
    await verify({ token: slow.token }, required);
    const resetToken = await resetTokenIn(await verify({ token: prompt.token }, required));
    await reset(resetToken, nextPassword, required);
    expect(
      await (await repeatsInSilence(prompt.id, () => verify({ token: prompt.token }, required))).text(),
    ).toBe('');
    later(10_000);
    expect(
      await (await repeatsInSilence(slow.id, () => verify({ token: slow.token }, required))).text(),
    ).toBe('');
  });

  it('a double click in the browser of the sign-up claims the account once, and both ends are the same', async () => {
    const email = newEmail();
    const signup = await required('POST', '/auth/signup', { json: { email, password } });
    const [pair = ''] = signup.headers.getSetCookie()[0]?.split(';') ?? [];
    const token = await tokenIn(email, 'verify_email', 'verify_email');
    const press = () =>
      required('POST', '/verify-email', {
        form: { token },
        headers: { Cookie: pair, Origin: 'http://localhost:3002', Accept: 'text/html' },
      });
    const places = (await Promise.all([press(), press()])).map(({ headers }) => headers.get('Location'));
    expect(places).toEqual(Array(2).fill('/account?done=email-verified'));
    expect((await required('POST', '/auth/token', { json: { email, password } })).status).toBe(200);
  });
});

describe('an undo link that is used again', () => {
  it('says that the account is back, days after it has set a password, and changes nothing', async () => {
    const owner = await by.newOwner();
    expect(await by.move(owner.bearer, newEmail())).toBe(204);
    const link = await by.undoLink(owner.email);
    expect(await by.restore(link)).toBe(204);
    expect(await by.reset(link)).toBe(204);
    later(3 * day);
    const send = () => client('POST', '/auth/email/restore', { json: { token: link } });
    await repeatsInSilence(owner.id, send);
    expect(await by.reset(link, `${nextPassword} too`)).toBe(400);
    expect(await by.reset(link)).toBe(204);
  });

  it('is refused once the account has left the address again, and takes nothing back', async () => {
    const owner = await by.newOwner();
    expect(await by.move(owner.bearer, newEmail())).toBe(204);
    const link = await by.undoLink(owner.email);
    expect(await by.restore(link)).toBe(204);
    expect(await by.reset(link)).toBe(204);
    const { access_token: bearer } = (await by.login(owner.email, nextPassword)) ?? {};
    expect(await by.move(bearer ?? '', newEmail(), nextPassword)).toBe(204);
    const before = await rowsOf(owner.id);
    expect(await by.restore(link)).toBe(400);
    expect(await rowsOf(owner.id)).toEqual(before);
  });
});

describe('a reset that is sent again', () => {
  it('with the same password succeeds, changes nothing, and ends no session from after it', async () => {
    const { id, email, token } = await resetOnce();
    const login = await by.login(email, nextPassword);
    later(1_800_000);
    const send = () =>
      stranger()('POST', '/auth/password/reset', { json: { token, password: nextPassword } });
    await repeatsInSilence(id, send);
    expect(await by.isOver(login?.access_token ?? '')).toBe(false);
    later(30 * day);
    await repeatsInSilence(id, send);
  });

  it('is known again however the clock goes on within a request', async () => {
    const { email } = await by.newOwner();
    const token = await by.forgot(email);
    const send = () => reset(token, nextPassword);
    expect(await whileTicking(async () => [await send(), await send()])).toEqual([204, 204]);
  });

  it('at the same moment sets the password once, and all succeed', async () => {
    const { id, email } = await by.newOwner();
    const token = await by.forgot(email);
    const count = raceSize(8);
    const statuses = await Promise.all(
      Array.from({ length: count }, () => reset(token, nextPassword, stranger())),
    );
    expect(statuses).toEqual(Array(count).fill(204));
    expect((await rowsOf(id)).events.filter(({ type }) => type === 'password.reset')).toHaveLength(1);
    expect((await mailsTo(email)).filter(({ template }) => template === 'password_changed')).toHaveLength(1);
  });

  it('with another password is refused, and sets nothing', async () => {
    const { id, email, token } = await resetOnce();
    const { users } = await rowsOf(id);
    expect(await reset(token, `${nextPassword} too`)).toBe(400);
    expect((await rowsOf(id)).users).toEqual(users);
    expect(await by.login(email, nextPassword)).not.toBeNull();
  });

  it('is no place for guesses: each counts as a failed login, and a locked account tells nothing', async () => {
    const { id, email, token } = await resetOnce();
    const guesser = stranger();
    for (let guess = 0; guess < 5; guess++)
      expect(await reset(token, `guess no. ${guess}`, guesser)).toBe(400);
    expect(await reset(token, nextPassword, guesser)).toBe(400);
    const json = { identifier: email, password: nextPassword };
    expect((await guesser('POST', '/auth/token', { json })).status).toBe(429);
    const failed = (await rowsOf(id)).events.filter(({ type }) => type === 'login.failed');
    expect(failed.length).toBeGreaterThanOrEqual(5);
  });

  it('is refused with its own password once another way has changed the password', async () => {
    const ways: ((account: Awaited<ReturnType<typeof resetOnce>>) => Promise<unknown>)[] = [
      async ({ email }) => {
        const { access_token: bearer = '' } = (await by.login(email, nextPassword)) ?? {};
        const json = { current_password: nextPassword, new_password: password };
        expect((await client('POST', '/auth/password', { bearer, json })).status).toBe(200);
      },
      async ({ email }) => {
        await sql`update users set reset_sent_at = null, familiar_reset_sent_at = null where email = ${email}`;
        expect(await reset(await by.forgot(email), password)).toBe(204);
      },
      ({ id }) => sql`update users set password_hash = null, password_changed_at = null where id = ${id}`,
    ];
    for (const change of ways) {
      const account = await resetOnce();
      later(1);
      await change(account);
      for (const secret of [nextPassword, password]) expect(await reset(account.token, secret)).toBe(400);
    }
  });

  it.each(['has another address', 'is disabled', 'is deleted'])(
    'is refused once its account %s',
    async (what) => {
      const account = await resetOnce();
      const { access_token: bearer = '' } = (await by.login(account.email, nextPassword)) ?? {};
      if (what === 'has another address') expect(await by.move(bearer, newEmail(), nextPassword)).toBe(204);
      else await movedOn[what]?.(account);
      expect(await reset(account.token, nextPassword)).toBe(400);
    },
  );

  it('is refused for a link that was voided, with the password that voided it', async () => {
    const { email } = await by.newOwner();
    const older = await by.forgot(email);
    later(60_000);
    expect(await reset(await by.forgot(email), nextPassword)).toBe(204);
    expect(await reset(older, nextPassword)).toBe(400);
  });

  it('is refused for the token of a row that does not exist', async () => {
    expect(await reset(await tokenOf(crypto.randomUUID(), 'reset_password'), nextPassword)).toBe(400);
  });
});
