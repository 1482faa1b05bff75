import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { createUserSql } from '../../src/administration/sql/users.ts';
import { Secret } from '../../src/platform/config/secret.ts';
import type { PermittedContext } from '../../src/platform/context.ts';
import { createDatabase } from '../../src/platform/db/client.ts';
import { AppError } from '../../src/platform/errors.ts';
import { refusalError, refusals } from '../../src/platform/refusals.ts';
import { administrativePermissions, type Permission } from '../../src/platform/rules/permissions.ts';
import { createRoleSql } from '../../src/roles/sql.ts';
import { createGate } from '../../src/sessions/sql/gate.ts';
import {
  absent,
  createModel,
  hasAll,
  powerOf,
  type State,
  type Step,
  unusable,
  usable,
  type Verdict,
} from '../support/node/authority-model.ts';
import { startTestDatabase, type TestDatabase } from '../support/node/database.ts';

const roleNames = ['admin', 'user', 'one', 'two'];
/** A few permissions, so that the sets overlap often. */
const permissionNames: readonly Permission[] = ['users:write', 'roles:write', 'audit:read', 'users:read'];

const namesIn = <Name extends string>(names: readonly Name[], set: number): Name[] =>
  names.filter((_, index) => set & (1 << index));
const setOf = (names: readonly string[], members: readonly string[]): number =>
  names.reduce((set, name, index) => (members.includes(name) ? set | (1 << index) : set), 0);

const model = createModel({
  permissions: permissionNames,
  administrative: setOf(permissionNames, administrativePermissions),
  roles: roleNames,
  isAdministrated: false,
});

const all = 15;
const permissionSet = fc.nat(all);
const powerful = fc.constantFrom(2, 3, 7, all);
const heldSet = fc.nat(15);
const account = fc.nat(2);
const status = fc.oneof(
  { weight: 5, arbitrary: fc.constant(usable) },
  { weight: 2, arbitrary: fc.constantFrom(unusable, absent) },
);

/** Has the role `one` and sometimes `two`; no account has a role that does not exist. */
const start: fc.Arbitrary<State> = fc
  .record({
    status: fc.tuple(status, status, status),
    held: fc.tuple(heldSet, heldSet, heldSet),
    roles: fc.tuple(
      fc.constant(all),
      fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: permissionSet }),
      powerful,
      fc.oneof({ weight: 4, arbitrary: permissionSet }, { weight: 1, arbitrary: fc.constant(-1) }),
    ),
  })
  .map((state) => {
    const there = state.roles[3] === -1 ? 7 : 15;
    return { ...state, held: state.held.map((held, at) => (state.status[at] === absent ? 0 : held & there)) };
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

/** Several steps are drawn for each turn; the walk takes the step whose kind it has taken least. */
const turn = fc.array(fc.tuple(account, step), { minLength: 20, maxLength: 20 });
const path = fc.array(turn, { minLength: 10, maxLength: 10 });

const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };
const passwordHash = 'a hash';

/** The statements of both rooms, on a database that holds only the accounts of a state. */
const openHouse = async ({ databaseUrl, endpointUrl, adminUrl }: TestDatabase) => {
  const db = createDatabase({ url: new Secret(databaseUrl), endpoint: endpointUrl });
  const parts = {
    db,
    newId: () => randomUUID(),
    gate: createGate({ verifiedOnly: false, passwordMaxAgeDays: null, issuers: [] }),
    passwordMaxAgeDays: null,
  };
  const users = createUserSql(parts);
  const roles = createRoleSql(parts);
  const direct = new Client({ connectionString: adminUrl });
  await direct.connect();
  const ids = ['', '', ''];

  /** Gives every account a session and no password to change, so that it can act. */
  const settle = `
    with settled as (update users set must_change_password = false where must_change_password)
    insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at)
    select id, id, now(), now(), now() + interval '1 day', now() + interval '1 day' from users
    on conflict (id) do update set revoked_at = null, revoked_reason = null`;

  const begin = async (state: State): Promise<void> => {
    for (const index of ids.keys()) ids[index] = randomUUID();
    const roles = state.roles
      .map((permissions, role) => [roleNames[role], namesIn(permissionNames, permissions)])
      .filter((_, role) => state.roles[role] !== -1);
    const accounts = ids
      .map((id, at) => ({
        id,
        disabled: state.status[at] !== usable,
        held: namesIn(roleNames, state.held[at] ?? 0),
      }))
      .filter((_, at) => state.status[at] !== absent);
    await direct.query('delete from sessions');
    await direct.query('delete from users');
    await direct.query(`delete from roles where name not in ('admin', 'user')`);
    await direct.query(
      `insert into roles (name, permissions, created_at)
       select role->>0, array(select jsonb_array_elements_text(role->1)), now() from jsonb_array_elements($1::jsonb) role
       on conflict (name) do update set permissions = excluded.permissions`,
      [JSON.stringify(roles)],
    );
    await direct.query(
      `with given as (select * from jsonb_to_recordset($1::jsonb) as given(id uuid, disabled boolean, held text[])),
       made as (
         insert into users (id, email, password_hash, password_changed_at, disabled_at, created_at, updated_at)
         select id, id || '@example.com', 'a hash', now(), case when disabled then now() end, now(), now() from given)
       insert into user_roles select id, unnest(held) from given`,
      [JSON.stringify(accounts)],
    );
    await direct.query(settle);
  };

  const contextOf = (actor: number, requiredPermission: Permission): PermittedContext => ({
    requestId: 'test',
    now: new Date(),
    ip: null,
    network: 'unknown',
    networks: ['unknown'],
    userAgent: null,
    actor: {
      userId: ids[actor] ?? '',
      sessionId: ids[actor] ?? '',
      source: 'bearer',
      goodUntil: new Date(8.64e15),
    },
    requiredPermission,
    signal: AbortSignal.timeout(30_000),
    log,
    keepAlive: silent,
    defer: silent,
  });

  const take = async (actor: number, each: Step): Promise<unknown> => {
    const anyVersion = { ifMatch: null, ifNoneMatch: [], mustExist: false, mustNotExist: false };
    if ('role' in each) {
      const ctx = contextOf(actor, 'roles:write');
      const name = roleNames[each.role] ?? '';
      if (each.kind === 'drop') return roles.remove(ctx, name, null);
      return roles.put(ctx, name, namesIn(permissionNames, each.permissions), anyVersion);
    }
    const ctx = contextOf(actor, 'users:write');
    const id = ids[each.account] ?? '';
    switch (each.kind) {
      case 'give':
        return users.edit(ctx, id, { roles: namesIn(roleNames, each.roles) }, null);
      case 'create': {
        const email = `${randomUUID()}@example.com`;
        const given = namesIn(roleNames, each.roles);
        const { made } = await users.create(ctx, {
          email,
          username: null,
          roles: given,
          passwordHash,
          token: null,
        });
        ids[each.account] = made.id;
        return made;
      }
      case 'remove':
        return users.remove(ctx, id, { ifMatch: null, outboxId: randomUUID() });
      default:
        return users.edit(ctx, id, { disabled: each.kind === 'disable' }, null);
    }
  };

  const read = async (): Promise<State> => {
    const { rows } = await direct.query(
      `select name, permissions as members, false as disabled from roles union all
       select u.id::text, array(select role_name from user_roles where user_id = u.id), u.disabled_at is not null from users u`,
    );
    const byName = new Map(rows.map((row) => [row.name, row]));
    return {
      status: ids.map((id) => (byName.has(id) ? (byName.get(id).disabled ? unusable : usable) : absent)),
      held: ids.map((id) => setOf(roleNames, byName.get(id)?.members ?? [])),
      roles: roleNames.map((name) =>
        byName.has(name) ? setOf(permissionNames, byName.get(name).members) : -1,
      ),
    };
  };

  return { begin, settle: () => direct.query(settle), take, read, [Symbol.asyncDispose]: () => direct.end() };
};

const factsOf = ({ code, detail, errors }: AppError) => ({ code, detail, errors });
const refusalNames = Object.keys(refusals) as (keyof typeof refusals)[];

/** The refusal that a statement ended with; null where it did its work. Every refusal has an error of its own. */
const verdictOf = (step: Promise<unknown>): Promise<Verdict> =>
  step.then(
    () => null,
    (error: unknown) => {
      const refusal = refusalNames.find(
        (name) => error instanceof AppError && isDeepStrictEqual(factsOf(refusalError(name)), factsOf(error)),
      );
      if (refusal === undefined) throw error;
      return refusal;
    },
  );

const servers = [
  ['embedded', ''],
  ...(process.env.TEST_DATABASE_URL ? [['postgres', process.env.TEST_DATABASE_URL]] : []),
];

/** Refusals that do not depend on the details of the step. */
const plain: readonly Verdict[] = ['account_disabled', 'forbidden', 'built_in', 'not_found'];

/** The walks must meet each of these. */
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

describe.each(servers)('the statements of roles and accounts, %s', (_, serverUrl) => {
  test('decide and change the same as the model of authority in random walks', async () => {
    await using stack = new AsyncDisposableStack();
    const database = await startTestDatabase(serverUrl);
    stack.defer(database.close);
    const house = stack.use(await openHouse(database));
    const met = new Set<Verdict>();
    const turns = new Map<string, number>();
    /** The kind of a turn, so that rare kinds are taken when possible. */
    const kindOf = (state: State, actor: number, { kind, ...of }: Step, verdict: Verdict): string => {
      if (plain.includes(verdict)) return String(verdict);
      if (!('role' in of) || !('permissions' in of)) return `${kind} ${verdict}`;
      const old = Math.max(state.roles[of.role] ?? 0, 0);
      const facts = [
        state.held.some((held) => held & (1 << of.role)),
        hasAll(old, of.permissions),
        hasAll(of.permissions, old),
        hasAll(powerOf(state, actor), of.permissions),
      ];
      return [kind, verdict, ...facts].join(' ');
    };
    const timesTaken = (kind: string) => turns.get(kind) ?? 0;

    const walk = fc.asyncProperty(start, path, async (from, turnsDrawn) => {
      await house.begin(from);
      let state = from;
      for (const turn of turnsDrawn) {
        const [first] = turn
          .filter(([actor]) => state.status[actor] !== absent)
          .map(([actor, drawn]) => {
            const next =
              drawn.kind === 'create' ? { ...drawn, account: state.status.indexOf(absent) } : drawn;
            const verdict = model.decide(state, actor, next);
            return { actor, next, verdict, kind: kindOf(state, actor, next, verdict) };
          })
          .filter(({ next }) => !('account' in next) || next.account !== -1)
          .toSorted((one, other) => timesTaken(one.kind) - timesTaken(other.kind));
        if (!first) continue;
        const { actor, next, verdict, kind } = first;
        expect([actor, next, await verdictOf(house.take(actor, next))]).toEqual([actor, next, verdict]);
        if (verdict === null) state = model.apply(state, next);
        expect(await house.read()).toEqual(state);
        if (verdict === null && 'account' in next) await house.settle();
        met.add(verdict);
        turns.set(kind, timesTaken(kind) + 1);
      }
    });
    await fc.assert(walk, { seed: 12, numRuns: 40, endOnFailure: true });
    expect([...met].map(String).toSorted()).toEqual(expected.map(String).toSorted());
  });
});
