import { afterEach, describe, expect, it, vi } from 'vitest';
import { createClient, newAccount, newAddress, newEmail } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { atFirst, injectFault, lostReply } from '../support/worker/database-faults.ts';
import { codeIn, mailsTo, tokenIn } from '../support/worker/mail.ts';

const lenient = { RATE_LIMIT_MAX: '100000' };
const client = createClient(lenient);
/** A client in a network of its own. */
const stranger = () => createClient(lenient);

const verify = (json: Record<string, string>, by = client) => by('POST', '/auth/email/verify', { json });
const wrongCodes = (right: string, count: number) =>
  Array.from({ length: count }, (_, i) => String((Number(right) + 1 + i) % 1_000_000).padStart(6, '0'));
const eventsOf = async (userId: string) =>
  sql`select details from audit_events where type = 'email.code_locked' and subject_id = ${userId}`;

/** Guesses from many networks, five from each. @returns the statuses, by how often they came */
const guess = async (email: string, codes: readonly string[]) => {
  const counts: Record<number, number> = {};
  let by = stranger();
  for (const [index, code] of codes.entries()) {
    if (index % 5 === 0) by = stranger();
    const { status } = await verify({ email, code }, by);
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
};

afterEach(() => void vi.useRealTimers());

describe('guesses at the codes of one address', () => {
  it('after ten wrong codes a day the right code of an address is refused too, and its link works', async () => {
    const account = await newAccount(client);
    const { email, id } = account.user;
    let tested = 0;
    let refused = 0;
    for (let message = 0; message < 20; message++) {
      await sql`update users set verification_sent_at = null where id = ${id}`;
      await client('POST', '/auth/email/resend', { json: { email } });
      const counts = await guess(email, wrongCodes(await codeIn(email), 5));
      tested += counts[400] ?? 0;
      refused += counts[429] ?? 0;
    }
    expect([tested, refused]).toEqual([10, 90]);
    const [row] = await sql`select sum(code_attempts)::int as sum from one_time_tokens where user_id = ${id}`;
    expect(row?.sum).toBe(10);

    const locked = await verify({ email, code: await codeIn(email) });
    expect(locked.status).toBe(429);
    expect(Number(locked.headers.get('Retry-After'))).toBeGreaterThan(86_000);
    expect(await locked.json()).toMatchObject({
      code: 'login_locked',
      detail: expect.stringContaining('The link in the message still works'),
    });
    const token = await tokenIn(email, 'verify_email', 'verify_email');
    expect((await verify({ token })).status).toBe(204);
  });

  it('parallel guesses at a code are as many as guesses one after another', async () => {
    const { user } = await newAccount(client);
    const codes = wrongCodes(await codeIn(user.email), 40);
    await Promise.all(codes.map((code) => verify({ email: user.email, code }, stranger())));
    const [row] = await sql`select code_attempts from one_time_tokens where user_id = ${user.id}`;
    expect(row?.code_attempts).toBe(5);
    expect((await verify({ email: user.email, code: await codeIn(user.email) })).status).toBe(429);
  });

  it('guesses at a code are refused alike for an address without an account', async () => {
    const known = (await newAccount(client)).user.email;
    const answers = [];
    for (const email of [known, newEmail()]) {
      const counts = await guess(email, wrongCodes('000000', 11));
      const { request_id: _, ...body } = await (await verify({ email, code: '000000' }, stranger())).json<
        Record<string, unknown>
      >();
      answers.push({ counts, body });
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.counts).toEqual({ 400: 10, 429: 1 });
  });

  it('a lock of codes sends one mail, and each lock is in the audit trail', async () => {
    const { user } = await newAccount(client);
    const codes = wrongCodes(await codeIn(user.email), 20);
    await guess(user.email, codes.slice(0, 4));
    const told = async () =>
      (await mailsTo(user.email)).filter(({ template }) => template === 'codes_locked');
    expect(await told()).toEqual([]);
    await guess(user.email, codes);
    expect(await told()).toHaveLength(1);
    expect(await eventsOf(user.id)).toEqual([{ details: { by: 'pair' } }, { details: { by: 'identifier' } }]);
  });

  it('a lock of codes sends no mail to an unknown or a proved address', async () => {
    const { user } = await newAccount(client);
    await verify({ token: await tokenIn(user.email, 'verify_email', 'verify_email') });
    const nobody = newEmail();
    for (const email of [user.email, nobody]) await guess(email, wrongCodes('000000', 11));
    for (const email of [user.email, nobody]) {
      expect((await mailsTo(email)).filter(({ template }) => template === 'codes_locked')).toEqual([]);
    }
  });

  it('wrong codes are forgiven to an owner who proves the address by its link, and count again a day later', async () => {
    const { user } = await newAccount(client);
    const wrong = wrongCodes(await codeIn(user.email), 1)[0] ?? '';
    for (let count = 0; count < 5; count++) await verify({ email: user.email, code: wrong });
    expect((await verify({ email: user.email, code: wrong })).status).toBe(429);
    await verify({ token: await tokenIn(user.email, 'verify_email', 'verify_email') });
    expect((await verify({ email: user.email, code: wrong })).status).toBe(400);

    vi.useFakeTimers({ toFake: ['Date'] });
    const other = newEmail();
    expect(await guess(other, wrongCodes('000000', 11))).toEqual({ 400: 10, 429: 1 });
    vi.setSystemTime(Date.now() + 86_400_000);
    expect(await guess(other, wrongCodes('000000', 1))).toEqual({ 400: 1 });
  });

  it('guesses at codes by the forms of the pages count too', async () => {
    const { user } = await newAccount(client);
    const [code = ''] = wrongCodes(await codeIn(user.email), 1);
    const by = createClient(lenient, newAddress());
    const form = { email: user.email, code };
    const headers = { Origin: 'http://localhost:3002', Accept: 'text/html' };
    const statuses: number[] = [];
    for (const path of ['/verify-email/code', '/account/code', '/verify-email/code', '/account/code']) {
      statuses.push((await by('POST', path, { form, headers })).status);
    }
    statuses.push((await verify(form, by)).status);
    const refused = await by('POST', '/verify-email/code', { form, headers });
    expect([...statuses, refused.status]).toEqual([400, 400, 400, 400, 400, 429]);
    expect(await refused.text()).toContain('Open the link in our message instead');
  });

  it('a guess counts if its request times out after the database was asked', async () => {
    const { user } = await newAccount(client);
    const [wrong = ''] = wrongCodes(await codeIn(user.email), 1);
    const hasty = { ...lenient, REQUEST_TIMEOUT_MS: '1000' };
    const { repair } = injectFault(atFirst(5, lostReply));
    const by = createClient(hasty);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => verify({ email: user.email, code: wrong }, by)),
    );
    repair();
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(504));
    expect((await verify({ email: user.email, code: await codeIn(user.email) }, by)).status).toBe(429);
  });

  it('codes are locked, and the mailbox is told, if the last guess times out', async () => {
    const { user } = await newAccount(client);
    const [wrong = ''] = wrongCodes(await codeIn(user.email), 1);
    await guess(user.email, Array(9).fill(wrong));
    const { repair } = injectFault(atFirst(1, lostReply));
    const hasty = createClient({ ...lenient, REQUEST_TIMEOUT_MS: '1000' }, newAddress());
    expect((await verify({ email: user.email, code: wrong }, hasty)).status).toBe(504);
    repair();
    await vi.waitFor(
      async () => expect(await eventsOf(user.id)).toContainEqual({ details: { by: 'identifier' } }),
      { timeout: 5_000 },
    );
    expect((await mailsTo(user.email)).filter(({ template }) => template === 'codes_locked')).toHaveLength(1);
  });

  it('each refused guess writes an audit event, with and without a code to try', async () => {
    const waiting = (await newAccount(client)).user;
    const proved = (await newAccount(client)).user;
    await verify({ token: await tokenIn(proved.email, 'verify_email', 'verify_email') });
    for (const [email, subject] of [
      [waiting.email, waiting.id],
      [proved.email, null],
      [newEmail(), null],
    ] as const) {
      const [wrong = ''] = wrongCodes(subject === null ? '000000' : await codeIn(email), 1);
      const answer = await verify({ email, code: wrong });
      const { request_id } = await answer.json<{ request_id: string }>();
      const events = await sql`select type, subject_id from audit_events where request_id = ${request_id}`;
      expect(events, email).toEqual([{ type: 'email.code_refused', subject_id: subject }]);
    }
    const right = await verify({ email: waiting.email, code: await codeIn(waiting.email) });
    expect(right.status).toBe(204);
    const refused = sql`select from audit_events where subject_id = ${waiting.id} and type = 'email.code_refused'`;
    expect(await refused).toHaveLength(1);
  });

  it('a guess is withdrawn if the service fails, and refused if it cannot be counted', async () => {
    const { user } = await newAccount(client);
    const code = await codeIn(user.email);
    const failing = { getByName: () => ({ reserve: () => Promise.reject(new Error('out of reach')) }) };
    const uncounted = createClient({ ...lenient, LOGIN_GUARD: failing as never });
    expect((await verify({ email: user.email, code }, uncounted)).status).toBe(503);

    const { repair } = injectFault(async () => {
      throw new TypeError('the connection was lost');
    });
    for (let count = 0; count < 12; count++) {
      expect((await verify({ email: user.email, code })).status).toBe(503);
    }
    repair();
    expect((await verify({ email: user.email, code })).status).toBe(204);
  });
});
