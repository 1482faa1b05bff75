import { describe, expect, it } from 'vitest';
import { type Client, createClient, newAccount, newAddress, password } from '../support/worker/client.ts';
import { expectProblem } from '../support/worker/problem.ts';

const limitedTo = (max: number, address = newAddress()) =>
  createClient({ RATE_LIMIT_MAX: String(max) }, address);
const lenient = createClient({ RATE_LIMIT_MAX: '10000' });

const violatedBy = async (response: Response) =>
  (await response.clone().json<{ 'violated-policies'?: string[] }>())['violated-policies'];

const changePassword = (client: Client, bearer: string) =>
  client('POST', '/auth/password', { bearer, json: { current_password: password, new_password: password } });
const deleteAccount = (client: Client, bearer: string) =>
  client('DELETE', '/users/me', { bearer, json: { password: 'a wrong password' } });

describe('hashing behind a session', () => {
  it('is counted per network, across its accounts and all routes that hash', async () => {
    const office = limitedTo(10);
    const accounts = await Promise.all(Array.from({ length: 4 }, () => newAccount(lenient)));
    const bearers = accounts.map(({ access_token }) => access_token) as [string, string, string, string];
    expect((await changePassword(office, bearers[0])).status).toBe(422);
    expect((await deleteAccount(office, bearers[1])).status).toBe(401);
    expect((await changePassword(office, bearers[2])).status).toBe(422);
    const refused = await changePassword(office, bearers[3]);
    expect(await violatedBy(refused)).toEqual(['password']);
    await expectProblem(refused, 429, 'rate_limited');
    expect((await deleteAccount(limitedTo(10), bearers[3])).status).toBe(401);
  });

  it('is counted per account too, successes included, over fifteen windows', async () => {
    const address = newAddress();
    const home = limitedTo(30, address);
    const { access_token: bearer, user } = await newAccount(lenient);
    for (let attempt = 0; attempt < 3; attempt++)
      expect((await changePassword(home, bearer)).status).toBe(422);
    const refused = await changePassword(home, bearer);
    expect(await violatedBy(refused)).toEqual(['own_password']);
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(60);
    await expectProblem(refused, 429, 'rate_limited');
    // Another isolate knows it too, another way to the same hash does not help, and no failure was counted.
    await expectProblem(await deleteAccount(limitedTo(30, address), bearer), 429, 'rate_limited');
    expect((await lenient('POST', '/auth/token', { json: { email: user.email, password } })).status).toBe(
      200,
    );
  });

  it('is counted separately for each network, so that a thief uses up nothing that the owner needs', async () => {
    const { access_token: bearer } = await newAccount(lenient);
    const thief = limitedTo(10);
    expect((await changePassword(thief, bearer)).status).toBe(422);
    await expectProblem(await changePassword(thief, bearer), 429, 'rate_limited');
    expect((await changePassword(limitedTo(10), bearer)).status).toBe(422);
  });

  it('costs the account nothing when the session has ended', async () => {
    const home = limitedTo(10);
    const { access_token: stolen, user } = await newAccount(lenient);
    const login = await lenient('POST', '/auth/token', { json: { email: user.email, password } });
    const { access_token: bearer } = await login.json<{ access_token: string }>();
    expect((await lenient('POST', '/auth/logout', { bearer: stolen })).status).toBe(204);
    await expectProblem(await changePassword(home, stolen), 401, 'session_revoked');
    await expectProblem(await deleteAccount(home, stolen), 401, 'session_revoked');
    expect((await changePassword(home, bearer)).status).toBe(422);
  });
});
