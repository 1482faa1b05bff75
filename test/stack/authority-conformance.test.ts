import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/config/secret.ts';
import type { RequestContext } from '../../src/context.ts';
import { createDatabase } from '../../src/db/client.ts';
import { administrativePermissions, type Permission, permissionNames } from '../../src/domain/permissions.ts';
import { createGate } from '../../src/repositories/gate.ts';
import { createRoleRepository } from '../../src/repositories/roles.ts';
import { createUserRepository, type EditOutcome } from '../../src/repositories/users.ts';
import {
  absent,
  createModel,
  type State,
  type Step,
  usable,
  type Verdict,
} from '../support/node/authority-model.ts';
import { startTestDatabase, type TestDatabase } from '../support/node/database.ts';

const roleNames = ['admin', 'user', 'one', 'two'];
const all = (1 << permissionNames.length) - 1;
const world = {
  permissions: permissionNames,
  administrative: administrativePermissions.reduce((set, name) => set | bitOf(permissionNames, name), 0),
  roles: roleNames,
  isAdministrated: false,
};
const model = createModel(world);

function bitOf<Name>(names: readonly Name[], name: Name): number {
  return 1 << names.indexOf(name);
}
const namesIn = <Name>(names: readonly Name[], set: number): Name[] =>
  names.filter((name) => set & bitOf(names, name));
const setOf = (names: readonly string[], members: readonly string[]): number =>
  members.reduce((set, name) => set | bitOf(names, name), 0);

/** Few permissions, so that they meet often, and those that the rules name more often than others. */
const pool: Permission[] = ['users:write', 'roles:write', 'audit:read', 'users:read'];
const permissionSet = fc.subarray(pool).map((names) => setOf(permissionNames, names));
const powerful = permissionSet.map((set) => set | setOf(permissionNames, ['users:write', 'roles:write']));
const heldSet = fc.nat(15);
const account = fc.nat(2);
const status = fc.oneof(
  { weight: 5, arbitrary: fc.constant(usable) },
  { weight: 1, arbitrary: fc.constant(2) },
);

const start: fc.Arbitrary<State> = fc.record({
  status: fc.tuple(status, status, status),
  held: fc.tuple(heldSet, heldSet, heldSet),
  roles: fc.tuple(
    fc.constant(all),
    fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: permissionSet }),
    fc.oneof(permissionSet, powerful),
    permissionSet,
  ),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('put' as const), role: fc.nat(3), permissions: permissionSet }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), role: fc.nat(3) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('give' as const, 'create' as const),
      account,
      roles: heldSet,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('disable' as const, 'enable' as const, 'remove' as const),
      account,
    }),
  },
);

const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };
const passwordHash = 'a hash';

/** The repositories over a database that has nobody but the accounts of a state. */
const openHouse = async ({ databaseUrl, endpointUrl, adminUrl }: TestDatabase) => {
  const db = createDatabase({ url: new Secret(databaseUrl), endpoint: endpointUrl });
  const parts = {
    newId: () => randomUUID(),
    gate: createGate({ verifiedOnly: false, passwordMaxAgeDays: null, issuers: [] }),
  };
  const users = createUserRepository(db, parts);
  const roles = createRoleRepository(db, parts);
  const direct = new Client({ connectionString: adminUrl });
  await direct.connect();
  const ids = ['', '', ''];

  const logIn = async (id: string): Promise<void> => {
    await direct.query(
      `insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at)
       values ($1, $1, now(), now(), now() + interval '1 day', now() + interval '1 day')
       on conflict (id) do update set revoked_at = null, revoked_reason = null`,
      [id],
    );
    await direct.query('update users set must_change_password = false where id = $1', [id]);
  };

  const begin = async (state: State): Promise<void> => {
    await direct.query(`delete from users`);
    await direct.query(`delete from roles where name not in ('admin', 'user')`);
    for (const [role, permissions] of state.roles.entries())
      await direct.query(
        `insert into roles (name, permissions, created_at) values ($1, $2, now())
         on conflict (name) do update set permissions = excluded.permissions`,
        [roleNames[role], namesIn(permissionNames, permissions)],
      );
    for (const [index, each] of state.status.entries()) {
      const id = randomUUID();
      ids[index] = id;
      await direct.query(
        `insert into users (id, email, password_hash, password_changed_at, disabled_at, created_at, updated_at)
         values ($1, $2, $3, now(), case when $4 then now() end, now(), now())`,
        [id, `${id}@example.com`, passwordHash, each !== usable],
      );
      await direct.query(`insert into user_roles select $1, unnest($2::text[])`, [
        id,
        namesIn(roleNames, state.held[index] ?? 0),
      ]);
    }
  };

  const contextOf = (actor: number, requiredPermission: Permission): RequestContext => ({
    requestId: 'test',
    now: new Date(),
    ip: null,
    network: 'unknown',
    userAgent: null,
    actor: { userId: ids[actor] ?? '', sessionId: ids[actor] ?? '', source: 'bearer' },
    requiredPermission,
    signal: AbortSignal.timeout(30_000),
    log,
    keepAlive: silent,
    defer: silent,
  });

  const verdictOf = (outcome: EditOutcome): Verdict => {
    if (outcome.kind === 'done') return null;
    if (outcome.kind === 'refused') return outcome.refusal;
    if (outcome.kind === 'unknown_role') return outcome.kind;
    throw new Error(outcome.kind);
  };

  const take = async (actor: number, each: Step): Promise<Verdict> => {
    const anyVersion = { ifMatch: null, mustExist: false, mustNotExist: false };
    if ('role' in each) {
      const ctx = contextOf(actor, 'roles:write');
      const name = roleNames[each.role] ?? '';
      if (each.kind === 'drop') return roles.remove(ctx, name, null);
      const outcome = await roles.put(ctx, name, namesIn(permissionNames, each.permissions), anyVersion);
      return outcome.kind === 'refused' ? outcome.refusal : null;
    }
    const ctx = contextOf(actor, 'users:write');
    const id = ids[each.account] ?? '';
    switch (each.kind) {
      case 'give':
        return verdictOf(await users.edit(ctx, id, { roles: namesIn(roleNames, each.roles) }, null));
      case 'create': {
        const email = `${randomUUID()}@example.com`;
        const wanted = {
          email,
          username: null,
          roles: namesIn(roleNames, each.roles),
          passwordHash,
          token: null,
        };
        const outcome = await users.create(ctx, wanted);
        if (outcome.kind === 'done') ids[each.account] = outcome.made.id;
        return verdictOf(outcome);
      }
      case 'remove':
        return users.remove(ctx, id, { ifMatch: null, outboxId: randomUUID() });
      default:
        return verdictOf(await users.edit(ctx, id, { disabled: each.kind === 'disable' }, null));
    }
  };

  const read = async (): Promise<State> => {
    const found = await direct.query(
      `select u.id, u.disabled_at is not null as disabled,
         array(select role_name from user_roles where user_id = u.id) as held from users u`,
    );
    const byId = new Map(found.rows.map((row) => [row.id, row]));
    const granted = await direct.query('select name, permissions from roles');
    const byName = new Map(granted.rows.map((row) => [row.name, row.permissions]));
    return {
      status: ids.map((id) => (byId.has(id) ? (byId.get(id).disabled ? 2 : usable) : absent)),
      held: ids.map((id) => setOf(roleNames, byId.get(id)?.held ?? [])),
      roles: roleNames.map((name) => (byName.has(name) ? setOf(permissionNames, byName.get(name)) : -1)),
    };
  };

  return { ids, begin, logIn, take, read, [Symbol.asyncDispose]: () => direct.end() };
};

const servers = [
  ['embedded', ''],
  ...(process.env.TEST_DATABASE_URL ? [['postgres', process.env.TEST_DATABASE_URL]] : []),
];

/** Each must be met, or the walks are not what they were drawn for. */
const expected: readonly Verdict[] = [
  null,
  'account_disabled',
  'built_in',
  'forbidden',
  'grants_more',
  'holder_holds_more',
  'holds_more',
  'in_use',
  'last_administrator',
  'not_found',
  'own_authority',
  'role_holds_more',
  'role_is_held',
  'sign_up_role',
  'unknown_role',
];

describe.each(servers)('the statements of the repositories, %s', (_, serverUrl) => {
  test('decide and leave what the model of authority says, step after step of random walks', async () => {
    await using stack = new AsyncDisposableStack();
    const database = await startTestDatabase(serverUrl);
    stack.defer(database.close);
    const house = stack.use(await openHouse(database));
    const met = new Set<Verdict>();

    const walk = fc.asyncProperty(
      start,
      fc.array(fc.tuple(account, step), { minLength: 12, maxLength: 12 }),
      async (from, path) => {
        await house.begin(from);
        let state = from;
        for (const [actor, next] of path) {
          if (state.status[actor] === absent) continue;
          if (next.kind === 'create' && state.status[next.account] !== absent) continue;
          await house.logIn(house.ids[actor] ?? '');
          const verdict = model.decide(state, actor, next);
          expect([next, await house.take(actor, next)]).toEqual([next, verdict]);
          if (verdict === null) state = model.apply(state, next);
          expect(await house.read()).toEqual(state);
          met.add(verdict);
        }
      },
    );
    await fc.assert(walk, { seed: 12, numRuns: 60 });
    expect([...met].map(String).toSorted()).toEqual(expected.map(String).toSorted());
  });
});
