import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { maxLateSteps } from '../../src/sessions/rules/session.ts';
import { eventsAbout } from '../support/worker/administrators.ts';
import { createClient, newAccount, password, type Tokens } from '../support/worker/client.ts';
import { raceRounds, sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';

const phone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1';
const updatedPhone = phone.replace('OS 18_1', 'OS 18_2').replace('Version/18.1', 'Version/18.2');
const chromeOn = (system: string, version = 128) =>
  `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`;
const laptop = chromeOn('X11; Linux x86_64');
const day = 86_400;

const variables = { RATE_LIMIT_MAX: '10000' };
/** A device of its own: what it sends, and its network. */
const device = (userAgent: string, more: Record<string, string> = {}) => {
  const client = createClient({ ...variables, ...more });
  const by: typeof client = (method, path, init = {}) =>
    client(method, path, { ...init, headers: { 'User-Agent': userAgent, ...init.headers } });
  return {
    by,
    refresh: (refresh_token: string) => by('POST', '/auth/refresh', { json: { refresh_token } }),
  };
};
type Device = ReturnType<typeof device>;

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);
const refreshed = async ({ refresh }: Device, token: string): Promise<string> => {
  const response = await refresh(token);
  expect(response.status).toBe(200);
  return (await response.json<Required<Tokens>>()).refresh_token;
};
/** The same after the grace, with a token that has been exchanged. */
const refreshedLate = (by: Device, token: string): Promise<string> => {
  later(61);
  return refreshed(by, token);
};
const expectReuse = async (by: Device, token: string) => {
  later(61);
  await expectProblem(await by.refresh(token), 401, 'refresh_token_reused');
};
const expectEnded = async (by: Device, token: string) =>
  expectProblem(await by.refresh(token), 401, 'session_revoked');
const refreshEvents = async (id: string) =>
  (await eventsAbout(id)).map(({ type }) => type).filter((type) => type.startsWith('session.refresh_'));

/** An account of the device, with the token before the current one, and the current one. */
const lostAnswer = async (owner: Device) => {
  const { user, refresh_token: first } = await newAccount(owner.by);
  return { user, first, second: await refreshed(owner, first) };
};

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('a device that has lost the answer to a refresh', () => {
  it('gets the same successor a minute later, and the event says so', async () => {
    const owner = device(phone);
    const { user, first, second } = await lostAnswer(owner);
    expect(await refreshedLate(owner, first)).toBe(second);
    expect(await refreshEvents(user.id)).toEqual(['session.refresh_late']);
    const [event] = (await eventsAbout(user.id)).slice(-1);
    expect(event).toMatchObject({ user_agent: phone, details: { session_id: expect.any(String) } });
    await refreshed(owner, second);
  });

  it('gets it days later, and after an update of its browser', async () => {
    const { first, second } = await lostAnswer(device(phone));
    later(3 * day);
    expect(await refreshed(device(updatedPhone), first)).toBe(second);
  });

  it.each([
    ['okhttp', 'okhttp/4.12.0'],
    ['an app on iOS', 'Notes/42 CFNetwork/1568.200.51 Darwin/24.1.0'],
    ['a web view on iOS', phone.replace(/ Version.*Mobile/, ' Mobile').replace(/ Safari.*/, '')],
    ['Dart', 'Dart/3.5 (dart:io)'],
    ['an app with a name of its own', 'MyApp/1.2.0 (Android 14) okhttp/4.12.0'],
  ])('gets it as %s', async (_, userAgent) => {
    const owner = device(userAgent);
    const { first, second } = await lostAnswer(owner);
    expect(await refreshedLate(owner, first)).toBe(second);
  });

  it('loses the answers of three steps in a row', async () => {
    const owner = device(phone);
    let { refresh_token: token } = await newAccount(owner.by);
    for (let step = 0; step < 3; step++) {
      await refreshed(owner, token);
      token = await refreshedLate(owner, token);
    }
    await refreshed(owner, token);
  });

  it('does not lengthen its session by asking again', async () => {
    const owner = device(phone);
    const { user, first } = await lostAnswer(owner);
    const expiry = () =>
      sql`select expires_at from sessions where user_id = ${user.id} order by id desc limit 1`;
    const before = await expiry();
    await refreshedLate(owner, first);
    expect(await expiry()).toEqual(before);
  });

  it('may lose answers for as long as the session lives, if it gets some', async () => {
    const owner = device(phone);
    let { refresh_token: token } = await newAccount(owner.by);
    for (let step = 0; step < 2 * maxLateSteps; step++) {
      await refreshed(owner, token);
      token = await refreshed(owner, await refreshedLate(owner, token));
      later(day);
    }
  });

  it('is answered three times in a day, and the fourth request ends the session', async () => {
    const owner = device(phone);
    const { user, first, second } = await lostAnswer(owner);
    for (let turn = 0; turn < 3; turn++) expect(await refreshedLate(owner, first)).toBe(second);
    await expectReuse(owner, first);
    await expectEnded(owner, second);
    const late = 'session.refresh_late';
    expect(await refreshEvents(user.id)).toEqual([late, late, late, 'session.refresh_reused']);
  });

  it('is answered again a day after', async () => {
    const owner = device(phone);
    const { first, second } = await lostAnswer(owner);
    for (let turn = 0; turn < 3; turn++) await refreshedLate(owner, first);
    later(day);
    for (let turn = 0; turn < 3; turn++) expect(await refreshedLate(owner, first)).toBe(second);
    await expectReuse(owner, first);
  });

  it('is never answered late with REFRESH_LATE_MAX=0', async () => {
    const owner = device(phone, { REFRESH_LATE_MAX: '0' });
    const { first, second } = await lostAnswer(owner);
    await expectReuse(owner, first);
    await expectEnded(owner, second);
  });

  it('is answered once a day with REFRESH_LATE_MAX=1', async () => {
    const owner = device(phone, { REFRESH_LATE_MAX: '1' });
    const { first } = await lostAnswer(owner);
    await refreshedLate(owner, first);
    await expectReuse(owner, first);
  });
});

describe('a thief with an old refresh token', () => {
  it('ends the session once the owner has used the successor, on whatever device', async () => {
    for (const thief of [device(phone), device(laptop)]) {
      const owner = device(phone);
      const { first, second } = await lostAnswer(owner);
      const third = await refreshed(owner, second);
      await expectReuse(thief, first);
      await expectEnded(owner, third);
    }
  });

  it.each([
    ['another browser', phone.replace('Version/', 'CriOS/')],
    ['another system', phone.replaceAll('iPhone', 'iPad')],
    ['a laptop', laptop],
    ['a program', 'curl/8.5.0'],
    ['a device that nobody recognizes', 'New/1.0'],
    ['no User-Agent', ''],
  ])('ends the session from %s, one step behind', async (_, userAgent) => {
    const owner = device(phone);
    const { first, second } = await lostAnswer(owner);
    await expectReuse(device(userAgent), first);
    await expectEnded(owner, second);
  });

  it.each(['New/1.0', ''])('is not forgiven where nobody recognizes the owner’s device: %j', async (name) => {
    const { first } = await lostAnswer(device(name));
    await expectReuse(device(name), first);
  });

  it('is found out when it has refreshed first, and the owner comes from another device', async () => {
    const owner = device(phone);
    const { refresh_token: shared } = await newAccount(owner.by);
    const stolen = await refreshed(device(laptop), shared);
    await expectReuse(owner, shared);
    await expectEnded(device(laptop), stolen);
  });

  it('is found out when the owner presents the successor before it does', async () => {
    const [owner, thief] = [device(phone), device(phone)];
    const { first, second } = await lostAnswer(owner);
    expect(await refreshedLate(thief, first)).toBe(second);
    const third = await refreshed(owner, second);
    // The thief's copy is one step behind again. It may ask once more, but the token before is of no use to anybody.
    await expectReuse(thief, first);
    await expectEnded(owner, third);
  });

  it('can pretend to be the owner’s device three times a day', async () => {
    const [owner, thief] = [device(phone), device(phone)];
    const { user, refresh_token } = await newAccount(owner.by);
    let shared = refresh_token;
    for (let hour = 0; hour < 3; hour++) {
      const next = await refreshed(owner, shared);
      expect(await refreshedLate(thief, shared)).toBe(next);
      shared = next;
      later(3600);
    }
    const last = await refreshed(owner, shared);
    await expectReuse(thief, shared);
    await expectEnded(owner, last);
    expect(await refreshEvents(user.id)).toHaveLength(4);
  });

  it('is found out the same way when it always comes first, and the owner asks late', async () => {
    const [owner, thief] = [device(phone), device(phone)];
    let { refresh_token: shared } = await newAccount(owner.by);
    for (let hour = 0; hour < 3; hour++) {
      const next = await refreshed(thief, shared);
      expect(await refreshedLate(owner, shared)).toBe(next);
      shared = next;
      later(3600);
    }
    const last = await refreshed(thief, shared);
    await expectReuse(owner, shared);
    await expectEnded(thief, last);
  });

  it('is found out beside an owner who refreshes only once a day', async () => {
    const long = { JWT_REFRESH_TTL_DAYS: '7', SESSION_ABSOLUTE_DAYS: '365' };
    const [owner, thief] = [device(phone, long), device(phone, long)];
    let { refresh_token: shared } = await newAccount(owner.by);
    for (let step = 0; step < maxLateSteps; step++) {
      const next = await refreshed(owner, shared);
      expect(await refreshedLate(thief, shared)).toBe(next);
      shared = next;
      later(day + 1);
    }
    const last = await refreshed(owner, shared);
    await expectReuse(thief, shared);
    await expectEnded(owner, last);
  });

  it('gets no late answer once another network has been answered within the grace, for a day', async () => {
    const [owner, thief] = [device(phone), device(phone)];
    const { refresh_token: first, user } = await newAccount(owner.by);
    const second = await refreshed(owner, first);
    expect(await refreshed(thief, first)).toBe(second);
    expect(await refreshEvents(user.id)).toEqual(['session.refresh_shared']);
    const third = await refreshed(owner, second);
    await expectReuse(thief, second);
    await expectEnded(owner, third);
  });

  it('may ask within the grace from one network with the refresh, as tabs do, and late after that', async () => {
    const owner = device(phone);
    const { refresh_token: first, user } = await newAccount(owner.by);
    const second = await refreshed(owner, first);
    expect(await refreshed(owner, first)).toBe(second);
    expect(await refreshEvents(user.id)).toEqual([]);
    expect(await refreshedLate(owner, first)).toBe(second);
  });

  it('is not answered once the successor has ended other sessions', async () => {
    const owner = device(phone);
    const { first, second } = await lostAnswer(owner);
    const logout = await owner.by('POST', '/auth/logout?scope=others', {
      cookies: { itsor_session_refresh: second },
    });
    expect(logout.status).toBe(204);
    await expectReuse(device(phone), first);
  });

  it('cannot end other sessions with it after the grace', async () => {
    const owner = device(phone);
    const { first, second } = await lostAnswer(owner);
    later(61);
    const logout = await device(phone).by('POST', '/auth/logout?scope=others', {
      cookies: { itsor_session_refresh: first },
    });
    expect(await logout.json()).toMatchObject({ status: 401, code: 'refresh_token_invalid' });
    await refreshed(owner, second);
  });

  it('is not answered after a change of the password', async () => {
    const owner = device(phone);
    const { first, second } = await lostAnswer(owner);
    const { access_token: bearer } = await (await owner.refresh(second)).json<Tokens>();
    const json = { current_password: password, new_password: 'umbrella lantern orchard 47' };
    const response = await owner.by('POST', '/auth/password', { bearer, json });
    const { refresh_token: kept } = await response.json<Required<Tokens>>();
    later(61);
    for (const token of [first, second]) await expectEnded(device(phone), token);
    await refreshed(owner, kept);
  });
});

describe('parallel late refreshes', () => {
  it('of the tabs of one browser are answered as one', async () => {
    for (let round = 0; round < raceRounds(5); round++) {
      const owner = device(phone);
      const { user, first, second } = await lostAnswer(owner);
      later(61);
      const responses = await Promise.all(Array.from({ length: 10 }, () => owner.refresh(first)));
      for (const response of responses)
        expect((await response.json<Required<Tokens>>()).refresh_token).toBe(second);
      expect(await refreshEvents(user.id)).toEqual(['session.refresh_late']);
      await expectProblem(await device(laptop).refresh(first), 401, 'refresh_token_reused');
    }
  });

  it('beside the successor are answered before it, or end the session after it', async () => {
    for (let round = 0; round < raceRounds(20); round++) {
      const { first, second } = await lostAnswer(device(phone));
      later(61);
      const [late, next] = await Promise.all([device(phone).refresh(first), device(phone).refresh(second)]);
      const third = next.status === 200 ? (await next.json<Required<Tokens>>()).refresh_token : second;
      if (late.status === 200) expect(next.status).toBe(200);
      else await expectProblem(late, 401, 'refresh_token_reused');
      const after = await device(phone).refresh(third);
      expect(after.status).toBe(late.status === 200 ? 200 : 401);
    }
  });
});
