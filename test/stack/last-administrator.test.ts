import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { createOwnAccountSql } from '../../src/accounts/sql/own-account.ts';
import { createUserSql } from '../../src/administration/sql/users.ts';
import { Secret } from '../../src/platform/config/secret.ts';
import type { PermittedContext } from '../../src/platform/context.ts';
import { createDatabase } from '../../src/platform/db/client.ts';
import { AppError } from '../../src/platform/errors.ts';
import { createGate } from '../../src/sessions/sql/gate.ts';
import { startTestDatabase } from '../support/node/database.ts';

const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };
const passwordHash = 'a hash';
const updatedAt = new Date();
const issuer = 'https://idp.example';

/** A database without other administrators. */
const openHouse = async (url: string, endpoint: string, adminUrl: string, verifiedOnly = false) => {
  const db = createDatabase({ url: new Secret(url), endpoint });
  const parts = {
    newId: () => randomUUID(),
    gate: createGate({ verifiedOnly, passwordMaxAgeDays: null, issuers: [issuer] }),
  };
  const direct = new Client({ connectionString: adminUrl });
  await direct.connect();

  const newAdministrator = async ({
    hash = passwordHash as string | null,
    isVerified = true,
    identityOf = null as string | null,
  } = {}): Promise<PermittedContext> => {
    const [userId, sessionId] = [randomUUID(), randomUUID()];
    const email = `${userId}@example.com`;
    await direct.query(
      `insert into users (id, email, password_hash, email_verified_at, created_at, updated_at)
       values ($1, $2, $3, case when $4 then now() end, $5, $5)`,
      [userId, email, hash, isVerified, updatedAt],
    );
    await direct.query(`insert into user_roles values ($1, 'user'), ($1, 'admin')`, [userId]);
    if (identityOf !== null)
      await direct.query(`insert into identities values ($1, $1, $2, $3, true, now(), now())`, [
        userId,
        identityOf,
        userId,
      ]);
    await direct.query(
      `insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at)
       values ($1, $2, now(), now(), now() + interval '1 day', now() + interval '1 day')`,
      [sessionId, userId],
    );
    return {
      requestId: 'test',
      now: new Date(),
      ip: null,
      network: 'unknown',
      networks: ['unknown'],
      userAgent: null,
      actor: { userId, sessionId, source: 'bearer', goodUntil: new Date(8.64e15) },
      requiredPermission: 'users:write',
      signal: AbortSignal.timeout(30_000),
      log,
      keepAlive: silent,
      defer: silent,
    };
  };

  const administrators = async (): Promise<number> => {
    const { rows } = await direct.query(
      `select count(*)::int as count from user_roles ur join users u on u.id = ur.user_id
       where ur.role_name = 'admin' and u.disabled_at is null`,
    );
    return rows[0].count;
  };

  return {
    users: createUserSql({ ...parts, db, passwordMaxAgeDays: null }),
    ownAccount: createOwnAccountSql({ ...parts, db, config: { password: { maxAgeDays: null } } }),
    newAdministrator,
    administrators,
    clear: () => direct.query('delete from users'),
    [Symbol.asyncDispose]: () => direct.end(),
  };
};

/** What a deletion by the last administrator is refused with. */
const lastAdministrator = {
  code: 'conflict',
  detail: 'This is the last administrator; make another one first.',
};

/** Most of the deeds are refused: by then the actor or the target is gone, or is the last administrator. */
const ignoreRefusal = (error: unknown): void => {
  if (!(error instanceof AppError) || error.status >= 500) throw error;
};

const servers = [
  ['embedded', ''],
  ...(process.env.TEST_DATABASE_URL ? [['postgres', process.env.TEST_DATABASE_URL]] : []),
];

describe.each(servers)('the last administrator, %s', (_, serverUrl) => {
  test('remains, whatever several administrators do to each other at the same time', async () => {
    await using stack = new AsyncDisposableStack();
    const database = await startTestDatabase(serverUrl);
    stack.defer(database.close);
    const house = stack.use(await openHouse(database.databaseUrl, database.endpointUrl, database.adminUrl));
    const { users, ownAccount, newAdministrator } = house;
    const outboxId = () => randomUUID();
    const idOf = (ctx: PermittedContext) => ctx.actor?.userId ?? '';

    const deeds: ((by: PermittedContext, to: PermittedContext) => Promise<unknown>)[] = [
      (by, to) => users.edit(by, idOf(to), { roles: ['user'] }, null),
      (by, to) => users.edit(by, idOf(to), { disabled: true }, null),
      (by, to) => users.edit(by, idOf(to), { password: null }, null),
      (by, to) => users.remove(by, idOf(to), { ifMatch: null, outboxId: outboxId() }),
      (by) => ownAccount.remove(by, { passwordHash, updatedAt, outboxId: outboxId() }),
    ];
    for (let round = 0; round < 12; round++) {
      await house.clear();
      const some = [await newAdministrator(), await newAdministrator(), await newAdministrator()];
      await Promise.all(
        some.flatMap((by, place) =>
          deeds.map((deed, turn) =>
            deed(by, some[(place + 1 + (turn % 2)) % some.length] ?? by).catch(ignoreRefusal),
          ),
        ),
      );
      expect(await house.administrators()).toBeGreaterThanOrEqual(1);
    }
  });

  test('may do nothing by a statement that names no permission: the gate fails closed', async () => {
    await using stack = new AsyncDisposableStack();
    const database = await startTestDatabase(serverUrl);
    stack.defer(database.close);
    const house = stack.use(await openHouse(database.databaseUrl, database.endpointUrl, database.adminUrl));
    const [one, other] = [await house.newAdministrator(), await house.newAdministrator()];
    // The types refuse such a context; a cast, or an error in the assembly of the routes, would not.
    const careless = { ...one, requiredPermission: null } as unknown as PermittedContext;
    const disable = (by: PermittedContext) =>
      house.users.edit(by, other.actor.userId, { disabled: true }, null);
    await expect(disable(careless)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await house.administrators()).toBe(2);
    await disable(one);
    expect(await house.administrators()).toBe(1);
  });

  test('cannot be deleted until a second administrator can log in', async () => {
    await using stack = new AsyncDisposableStack();
    const database = await startTestDatabase(serverUrl);
    stack.defer(database.close);
    const house = stack.use(await openHouse(database.databaseUrl, database.endpointUrl, database.adminUrl));
    const last = await house.newAdministrator();
    const remove = () => house.ownAccount.remove(last, { passwordHash, updatedAt, outboxId: randomUUID() });
    await expect(remove()).rejects.toMatchObject(lastAdministrator);
    const other = await house.newAdministrator();
    await house.users.edit(last, other.actor?.userId ?? '', { disabled: true }, null);
    await expect(remove()).rejects.toMatchObject(lastAdministrator);
    await house.newAdministrator();
    await expect(remove()).resolves.toBeUndefined();
  });

  test.each([
    ['has not accepted the invitation', false, { hash: null }],
    ['has not verified a required address', true, { isVerified: false }],
    ['logs in with a provider that was removed', false, { hash: null, identityOf: 'https://gone.example' }],
  ] as const)('is not replaced by an administrator who %s', async (_, verifiedOnly, other) => {
    await using stack = new AsyncDisposableStack();
    const database = await startTestDatabase(serverUrl);
    stack.defer(database.close);
    const { databaseUrl, endpointUrl, adminUrl } = database;
    const house = stack.use(await openHouse(databaseUrl, endpointUrl, adminUrl, verifiedOnly));
    const last = await house.newAdministrator();
    await house.newAdministrator(other);
    const remove = () => house.ownAccount.remove(last, { passwordHash, updatedAt, outboxId: randomUUID() });
    await expect(remove()).rejects.toMatchObject(lastAdministrator);
  });

  test('can be deleted if another administrator logs in with a provider', async () => {
    await using stack = new AsyncDisposableStack();
    const database = await startTestDatabase(serverUrl);
    stack.defer(database.close);
    const house = stack.use(await openHouse(database.databaseUrl, database.endpointUrl, database.adminUrl));
    const one = await house.newAdministrator();
    await house.newAdministrator({ hash: null, identityOf: issuer });
    const remove = () => house.ownAccount.remove(one, { passwordHash, updatedAt, outboxId: randomUUID() });
    await expect(remove()).resolves.toBeUndefined();
  });
});
