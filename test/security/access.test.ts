import { beforeAll, describe, expect, it } from 'vitest';
import { type Permission, permissionNames } from '../../src/platform/rules/permissions.ts';
import { type Access, type Attempt, access } from '../support/worker/access.ts';
import { newAccountAllowed, newAdmin } from '../support/worker/administrators.ts';
import { createClient, newAccount, type Tokens } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { operations, permissionOf } from '../support/worker/routes.ts';

const client = createClient({ RATE_LIMIT_MAX: '100000' });
type Account = Required<Tokens>;

const disable = async (account: Account): Promise<Account> => {
  await sql`update users set disabled_at = now() where id = ${account.user.id}`;
  return account;
};
const erase = async (account: Account): Promise<Account> => {
  await sql`delete from users where id = ${account.user.id}`;
  return account;
};

/** Who asks: whom nothing is known of, everybody else with a token that is still good. */
const actors = {
  anonymous: async () => null,
  user: () => newAccount(client),
  ...(Object.fromEntries(
    permissionNames.map((name) => [`who may ${name}`, () => newAccountAllowed(client, name)]),
  ) as Record<`who may ${Permission}`, () => Promise<Account>>),
  'who may all but one': async (needed?: Permission) =>
    newAccountAllowed(client, ...permissionNames.filter((name) => name !== needed)),
  administrator: () => newAdmin(client),
  'demoted administrator': async () => {
    const account = await newAdmin(client);
    await sql`delete from user_roles where user_id = ${account.user.id} and role_name = 'admin'`;
    return account;
  },
  'disabled administrator': async () => disable(await newAdmin(client)),
  'deleted administrator': async () => erase(await newAdmin(client)),
} satisfies Record<string, (needed?: Permission) => Promise<Account | null>>;
type ActorName = keyof typeof actors;
const actorNames = Object.keys(actors) as ActorName[];

/** The one rule that says who is refused, and how. */
const expected = (row: Access, who: ActorName, needed: Permission | undefined): number => {
  if (row.everybody !== undefined) return row.everybody;
  if (who === 'anonymous' || who === 'deleted administrator') return 401;
  if (who === 'disabled administrator') return 403;
  if (row.loggedIn !== undefined) return row.loggedIn;
  if (who === 'administrator') return row.permitted ?? 0;
  return who === `who may ${needed}` ? (row.unread ?? row.permitted ?? 0) : 403;
};

/** The public documents; whatever else is answered, failures too, nobody may keep. */
const kept: Readonly<Record<string, string>> = {
  'GET /.well-known/jwks.json': 'public, max-age=300',
  'GET /.well-known/oauth-authorization-server': 'public, max-age=300',
  'GET /flags': 'public, max-age=60',
  'GET /openapi.json': 'public, max-age=300',
  'GET /docs/assets/{file}': 'public, max-age=300',
};
/** An answer whose ETag is asked back must not be compressed on its way, which would make the tag weak. */
const cacheControlOf = (key: string, { ok, headers }: Response): string =>
  (ok ? kept[key] : undefined) ?? (headers.has('ETag') ? 'no-store, no-transform' : 'no-store');

const rows = Object.entries<Access>(access);
const isLocalAsset = (key: string) => key === 'GET /docs/assets/{file}';

describe('who may do what', () => {
  const settled = new Map<string, Promise<Account | null>>();
  const settle = (who: ActorName, needed: Permission | undefined): Promise<Account | null> => {
    const key = who === 'who may all but one' ? `${who}: ${needed}` : who;
    const known = settled.get(key);
    if (known) return known;
    const created = actors[who](needed);
    settled.set(key, created);
    return created;
  };
  let other: Account;

  beforeAll(async () => {
    other = await newAccount(client);
  });

  // Proves ASVS 8.2.1.
  it('has a row for every operation, and one that fits it', () => {
    expect(Object.keys(access).toSorted(), 'the rows of test/support/worker/access.ts').toEqual(
      Object.keys(operations).toSorted(),
    );
    for (const [key, row] of rows) {
      const needed = operations[key]?.access;
      const kind = permissionOf(needed) ? 'permitted' : needed === 'session' ? 'loggedIn' : 'everybody';
      expect(row, key).toHaveProperty(kind);
    }
  });

  const carriers = {
    bearer: (account: Account) => ({ bearer: account.access_token }),
    cookie: (account: Account) => ({ cookies: { itsor_session: account.access_token } }),
  };

  describe.each(rows)('%s', (key, row) => {
    const [method = '', path = ''] = key.split(' ');
    const permission = permissionOf(operations[key]?.access);
    const attemptOf = async (): Promise<Attempt | undefined> => row.attempt?.({ other, client });
    let shared: Promise<Attempt | undefined> | undefined;
    const refusedAttempt = () => {
      shared ??= attemptOf();
      return shared;
    };

    // Proves ASVS 8.2.1.
    it.each(actorNames)('as %s', async (who) => {
      for (const [name, carry] of Object.entries(carriers)) {
        // A request that is refused leaves its actor and its target as they were.
        const isRefused = row.everybody === undefined && expected(row, who, permission) >= 400;
        const account = await (row.usesUp && !isRefused ? actors[who](permission) : settle(who, permission));
        if (account === null && name === 'cookie') continue;
        const attempt = await (isRefused ? refusedAttempt() : attemptOf());
        const response = await client(method, attempt?.path ?? path, {
          ...attempt?.init,
          ...(account && carry(account)),
        });
        expect(response.status, `by ${name}`).toBe(expected(row, who, permission));
        expect(response.headers.get('Cache-Control'), `by ${name}`).toBe(cacheControlOf(key, response));
        if (isLocalAsset(key)) await response.body?.cancel();
      }
    });
  });
});
