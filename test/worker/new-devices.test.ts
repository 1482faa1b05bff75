import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newDeviceMailSeconds } from '../../src/sessions/rules/session.ts';
import { createClient, newAccount, newAddress, password } from '../support/worker/client.ts';
import { raceRounds, sql } from '../support/worker/database.ts';
import { createProvider, newPerson, signOn, withProvider } from '../support/worker/identity-provider.ts';
import { mailsTo, tokenIn } from '../support/worker/mail.ts';

const provider = createProvider();
const client = createClient({ RATE_LIMIT_MAX: '1000' });
const chromeOn = (system: string, version = 128) =>
  `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`;
const windows = 'Windows NT 10.0; Win64; x64';
const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0';

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);
const afterHours = () => later(newDeviceMailSeconds + 1);

const login = async (email: string, userAgent: string, address = newAddress(), secret = password) => {
  const headers = { 'CF-Connecting-IP': address, 'User-Agent': userAgent };
  const response = await client('POST', '/auth/token', { json: { email, password: secret }, headers });
  expect(response.status).toBe(200);
};
const countMails = async (email: string) =>
  (await mailsTo(email)).filter(({ template }) => template === 'new_sign_in').length;
/** How many mails each login caused. */
const mailsOf = async (
  email: string,
  logins: readonly (readonly [userAgent: string, address?: string])[],
) => {
  const counts: number[] = [];
  for (const [userAgent, address] of logins) {
    const before = await countMails(email);
    await login(email, userAgent, address);
    counts.push((await countMails(email)) - before);
  }
  return counts;
};
/** An account that was signed up and logged in to with that browser. */
const accountOn = async (userAgent: string) => {
  const by: typeof client = (method, path, init = {}) =>
    client(method, path, { ...init, headers: { 'User-Agent': userAgent, ...init.headers } });
  const { user } = await newAccount(by);
  expect(await countMails(user.email)).toBe(0);
  return user;
};
const devicesOf = async (userId: string): Promise<string[]> =>
  (await sql`select device from known_devices where user_id = ${userId}`)
    .map(({ device }) => String(device))
    .toSorted();

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('a login from a browser that the account knows', () => {
  it('sends no mail, whatever the version of the browser and the network', async () => {
    const { id, email } = await accountOn(chromeOn(windows, 128));
    for (const version of [129, 130, 131]) {
      afterHours();
      expect(await mailsOf(email, [[chromeOn(windows, version), `203.0.${version}.9`]])).toEqual([0]);
    }
    expect(await devicesOf(id)).toEqual(['Chrome on Windows']);
  });

  it('sends no mail when all earlier sessions have been purged, and one from another browser does', async () => {
    for (const [userAgent, mails] of [
      [chromeOn(windows), 0],
      [firefox, 1],
    ] as const) {
      const { id, email } = await accountOn(chromeOn(windows));
      await sql`delete from sessions where user_id = ${id}`;
      afterHours();
      expect(await mailsOf(email, [[userAgent]])).toEqual([mails]);
    }
  });
});

describe('a login from a new device', () => {
  it.each([
    ['another browser', firefox],
    ['the same browser on another system', chromeOn('Macintosh; Intel Mac OS X 10_15_7')],
    ['a program', 'curl/8.5.0'],
    ['a program that nobody recognizes', 'New/1.0'],
  ])('sends one mail: %s', async (_, userAgent) => {
    const { email } = await accountOn(chromeOn(windows));
    const address = newAddress();
    expect(
      await mailsOf(email, [
        [userAgent, address],
        [userAgent, address],
      ]),
    ).toEqual([1, 0]);
    afterHours();
    expect(await mailsOf(email, [[userAgent, address]])).toEqual([0]);
  });

  it('sends one mail, too, when the network is the owner’s', async () => {
    const { email } = await accountOn(chromeOn(windows));
    const address = newAddress();
    expect(
      await mailsOf(email, [
        [chromeOn(windows), address],
        [firefox, address],
      ]),
    ).toEqual([0, 1]);
  });

  it('sends one mail in some hours, and tells of the other devices with their next login', async () => {
    const { id, email } = await accountOn(chromeOn(windows));
    const mac = chromeOn('Macintosh; Intel Mac OS X 10_15_7');
    expect(await mailsOf(email, [[firefox], [mac], ['curl/8.5.0'], [firefox]])).toEqual([1, 0, 0, 0]);
    expect(await devicesOf(id)).toEqual(['Chrome on Windows', 'Firefox on Linux']);
    afterHours();
    expect(await mailsOf(email, [[mac], ['curl/8.5.0']])).toEqual([1, 0]);
    afterHours();
    expect(await mailsOf(email, [[mac], ['curl/8.5.0']])).toEqual([0, 1]);
  });

  it('sends one mail for parallel logins', async () => {
    for (let round = 0; round < raceRounds(5); round++) {
      const { email } = await accountOn(chromeOn(windows));
      await Promise.all(
        [firefox, firefox, 'curl/8.5.0', 'Wget/1.24', 'New/1.0'].map((name) => login(email, name)),
      );
      expect(await countMails(email)).toBe(1);
    }
  });

  it('is told after single sign-on, too', async () => {
    const by = (userAgent: string): typeof client => {
      const own = createClient(withProvider);
      return (method, path, init = {}) =>
        own(method, path, { ...init, headers: { 'User-Agent': userAgent, ...init.headers } });
    };
    const person = newPerson();
    await signOn(by(chromeOn(windows)), provider, person);
    await signOn(by(chromeOn(windows, 140)), provider, person);
    expect(await countMails(String(person.email))).toBe(0);
    await signOn(by(firefox), provider, person);
    expect(await countMails(String(person.email))).toBe(1);
  });
});

describe('a device that nobody recognizes', () => {
  it('is known by its network, because many programs look the same', async () => {
    const { email } = await accountOn('New/1.0');
    const address = '198.51.100.7';
    expect(await mailsOf(email, [['New/1.0', address]])).toEqual([1]);
    afterHours();
    expect(
      await mailsOf(email, [
        ['New/2.0', '198.51.100.99'],
        ['Other/1.0', '203.0.113.9'],
      ]),
    ).toEqual([0, 1]);
  });

  it('is not known by a network alone', async () => {
    const { email } = await accountOn(chromeOn(windows));
    const address = newAddress();
    await login(email, chromeOn(windows), address);
    expect(await mailsOf(email, [['New/1.0', address]])).toEqual([1]);
  });
});

describe('the devices of an account', () => {
  // A thief may have logged in with them.
  it('are new again after a reset of the password, and so is the turn of the mail', async () => {
    const { email } = await accountOn(chromeOn(windows));
    expect(await mailsOf(email, [[firefox], [firefox]])).toEqual([1, 0]);
    later(60);
    await client('POST', '/auth/password/forgot', { json: { email } });
    const token = await tokenIn(email, 'reset_password', 'reset_password');
    const next = 'umbrella lantern orchard 47';
    await client('POST', '/auth/password/reset', { json: { token, password: next } });
    later(1);
    for (const expected of [2, 2]) {
      await login(email, firefox, newAddress(), next);
      expect(await countMails(email)).toBe(expected);
    }
    afterHours();
    await login(email, chromeOn(windows), newAddress(), next);
    expect(await countMails(email)).toBe(3);
  });

  it('begin with the one that logs in from where the password was reset, so that the mail is left for a thief', async () => {
    const { email } = await accountOn(chromeOn(windows));
    const home = newAddress();
    const by = createClient({}, home);
    // What was seen at the instant of the reset would count as the owner's.
    later(1);
    await by('POST', '/auth/password/forgot', { json: { email } });
    const token = await tokenIn(email, 'reset_password', 'reset_password');
    const next = 'umbrella lantern orchard 47';
    await by('POST', '/auth/password/reset', { json: { token, password: next } });
    later(1);
    await login(email, chromeOn(windows), home, next);
    expect(await countMails(email)).toBe(0);
    // The thief has learned the new password too.
    await login(email, firefox, newAddress(), next);
    expect(await countMails(email)).toBe(1);
  });

  it('are judged by the network where the account is from before they were remembered', async () => {
    const { id, email } = await accountOn(chromeOn(windows));
    await login(email, chromeOn(windows), '198.51.100.7');
    const forget = () => sql`delete from known_devices where user_id = ${id}`;
    await forget();
    expect(await mailsOf(email, [[chromeOn(windows), '198.51.100.8']])).toEqual([0]);
    expect(await devicesOf(id)).toEqual(['Chrome on Windows']);
    await forget();
    expect(await mailsOf(email, [[chromeOn(windows), '203.0.113.9']])).toEqual([1]);
  });

  it('hold no text that a client has chosen, and go with the account', async () => {
    const { id, email } = await accountOn('Call us at 1-800/1.0');
    for (const name of ['Mozilla/5.0 evil', 'a phone', firefox]) {
      await login(email, name, '198.51.100.7');
      afterHours();
    }
    expect(await devicesOf(id)).toEqual(['Firefox on Linux', 'an unknown device']);
    await sql`delete from users where id = ${id}`;
    expect(await devicesOf(id)).toEqual([]);
  });
});
