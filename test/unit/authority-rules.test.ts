import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { administrativePermissions, permissionNames } from '../../src/platform/rules/permissions.ts';
import {
  absent,
  createModel,
  hasAll,
  powerOf,
  type State,
  type Step,
  unusable,
  usable,
  type World,
} from '../support/node/authority-model.ts';

/**
 * Two permissions that the rules name and one that stands for any other. The rules are about subsets alone, so that a
 * permission which somebody gains unduly, or cannot take back, shows with every other one left out.
 */
const permissions = ['users:write', 'roles:write', 'other'];
const all = 7;
const bits = [1, 2, 4];
const accounts = [0, 1, 2];

const worlds: [string, World][] = [
  [
    'with administrators and a role of its own',
    { permissions, administrative: 7, roles: ['admin', 'user', 'one'], isAdministrated: false },
  ],
  [
    'with two roles of its own and a permission that is not administrative',
    { permissions, administrative: 3, roles: ['user', 'one', 'two'], isAdministrated: true },
  ],
];

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

const stepsIn = ({ roles }: World): Step[] => [
  ...roles.flatMap((_, role): Step[] => [
    { kind: 'drop', role },
    ...range(0, all + 1).map((given): Step => ({ kind: 'put', role, permissions: given })),
  ]),
  ...accounts.flatMap((account): Step[] => [
    ...(['disable', 'enable', 'remove'] as const).map((kind): Step => ({ kind, account })),
    ...range(0, 1 << roles.length).flatMap((held): Step[] => [
      { kind: 'give', account, roles: held },
      { kind: 'create', account, roles: held },
    ]),
  ]),
];

/** Every state, with accounts in one order and roles of its own too: which of them is the first makes no difference. */
function* statesOf({ roles, isAdministrated }: World): Generator<State> {
  const some = [
    { status: absent, held: 0 },
    ...range(0, 1 << roles.length).flatMap((held) => [
      { status: usable, held },
      ...(isAdministrated ? [] : [{ status: unusable, held }]),
    ]),
  ];
  const threes = some.flatMap((x, at) =>
    some.slice(at).flatMap((y, further) => some.slice(at + further).map((z) => [x, y, z])),
  );
  const choices = roles.map((name) => {
    if (name === 'admin') return [all];
    return name === 'user' ? range(0, all + 1) : range(-1, all + 1);
  });
  const [first = [], second = [], third = []] = choices;
  for (const a of first)
    for (const b of second)
      for (const c of third.filter((each) => roles[1] === 'user' || each >= b)) {
        const allowed = [a, b, c];
        const gone = allowed.reduce((mask, set, role) => (set === -1 ? mask | (1 << role) : mask), 0);
        for (const three of threes) {
          // Nobody holds a role that there is not.
          if (three.some(({ held }) => (held & gone) !== 0)) continue;
          yield {
            status: three.map(({ status }) => status),
            held: three.map(({ held }) => held),
            roles: allowed,
          };
        }
      }
}

const rules = {
  gains: 'no step gives anybody what its actor lacks',
  byHand: 'no step gives to an account that its actor could not edit, or without users:write',
  signUp: 'the role of every sign-up gains no administrative permission',
  administrated: 'no step leaves the service without an administrator',
  takenBack: 'what an actor has given, the same actor can take back',
  couldGive: 'who could give a permission to a role, or a role to an account, can take it away',
  stays: 'nobody can keep a permission in a role by what they do to others',
} as const;
type Rule = keyof typeof rules;

const explore = (world: World) => {
  const model = createModel(world);
  const violations: Partial<Record<Rule, unknown[]>> = {};
  const hold = (rule: Rule, holds: boolean, ...context: unknown[]): void => {
    if (!holds) violations[rule] ??= context;
  };
  const ofSignUps = ({ roles }: State) => Math.max(roles[model.signUp] ?? 0, 0) & world.administrative;

  const judgeGains = (state: State, actor: number, step: Step, next: State): void => {
    const own = powerOf(state, actor);
    for (const account of accounts) {
      const before = powerOf(state, account);
      const gained = powerOf(next, account) & ~before;
      if (gained === 0) continue;
      hold('gains', hasAll(own, gained), state, actor, step);
      hold('byHand', hasAll(own, before | model.usersWrite), state, actor, step);
    }
    hold('signUp', hasAll(ofSignUps(state), ofSignUps(next)), state, actor, step);
    hold('administrated', !model.isAdministrated(state) || model.isAdministrated(next), state, actor, step);
  };

  /** What undoes the grant of a step; null where it granted nothing. */
  const undoing = (state: State, actor: number, step: Step): Step | null => {
    if (step.kind === 'create') return { kind: 'remove', account: step.account };
    if (step.kind === 'put') {
      const old = state.roles[step.role] ?? -1;
      if (old === -1) return { kind: 'drop', role: step.role };
      return hasAll(old, step.permissions) ? null : { ...step, permissions: old & step.permissions };
    }
    if (step.kind !== 'give') return null;
    const old = state.held[step.account] ?? 0;
    // Who has exchanged a role of their own for another one takes the old one again.
    return { ...step, roles: step.account === actor ? old : old & step.roles };
  };

  /** Whether another account, which could take a permission out of a role before the step, still can. */
  const judgeStaying = (state: State, actor: number, step: Step, next: State): void => {
    for (const other of accounts) {
      const own = powerOf(state, other);
      if (other === actor || !hasAll(own, model.usersWrite | model.rolesWrite)) continue;
      if (next.status[other] !== usable || !hasAll(powerOf(next, other), own)) continue;
      for (const [role, given] of next.roles.entries()) {
        const old = state.roles[role] ?? -1;
        for (const bit of bits) {
          if (old < 0 || given < 0 || !(old & given & bit)) continue;
          if (model.decide(state, other, { kind: 'put', role, permissions: old & ~bit }) !== null) continue;
          const verdict = model.decide(next, other, { kind: 'put', role, permissions: given & ~bit });
          hold('stays', verdict === null || verdict === 'own_authority', state, actor, step, other, bit);
        }
      }
    }
  };

  const judgeTaking = (state: State, actor: number): void => {
    for (const [role, given] of state.roles.entries()) {
      for (const bit of bits) {
        if (given <= 0 || !(given & bit)) continue;
        const back: Step = { kind: 'put', role, permissions: given & ~bit };
        const could = model.decide(model.apply(state, back), actor, { ...back, permissions: given }) === null;
        hold('couldGive', !could || model.decide(state, actor, back) === null, state, actor, back);
      }
      for (const account of accounts) {
        const held = state.held[account] ?? 0;
        if (!(held & (1 << role))) continue;
        const back: Step = { kind: 'give', account, roles: held & ~(1 << role) };
        const before = model.apply(state, back);
        const could =
          model.isAdministrated(before) && model.decide(before, actor, { ...back, roles: held }) === null;
        hold('couldGive', !could || model.decide(state, actor, back) === null, state, actor, back);
      }
    }
  };

  const steps = stepsIn(world);
  let allowed = 0;
  for (const state of statesOf(world)) {
    for (const actor of accounts) {
      // Others are refused whatever they ask for.
      if (state.status[actor] !== usable || !(powerOf(state, actor) & (model.usersWrite | model.rolesWrite)))
        continue;
      judgeTaking(state, actor);
      for (const step of steps) {
        if (step.kind === 'create' && state.status[step.account] !== absent) continue;
        if (model.decide(state, actor, step) !== null) continue;
        allowed++;
        const next = model.apply(state, step);
        judgeGains(state, actor, step, next);
        judgeStaying(state, actor, step, next);
        const back = model.isAdministrated(state) ? undoing(state, actor, step) : null;
        if (back) hold('takenBack', model.decide(next, actor, back) === null, state, actor, step, back);
      }
    }
  }
  return { violations, allowed };
};

const limitMs = 120_000;

describe.each(worlds)('in every state of a world %s', (_, world) => {
  let explored: ReturnType<typeof explore>;
  beforeAll(() => {
    explored = explore(world);
  }, limitMs);

  it('there are steps to judge', () => {
    expect(explored.allowed).toBeGreaterThan(1_000_000);
  });

  it.each(Object.entries(rules) as [Rule, string][])('%s: %s', (rule) => {
    expect(explored.violations[rule]).toBeUndefined();
  });
});

describe('a coalition that takes allowed steps, in any order and number', () => {
  const [, world] = worlds[1] as [string, World];
  const model = createModel(world);
  const steps = stepsIn(world);
  type Scene = { readonly state: State; readonly members: number };

  const isMember = ({ members }: Scene, account: number) => (members & (1 << account)) !== 0;

  /** What one of them, or a stranger who signs up and joins them, can bring about next. */
  const nextOf = (scene: Scene): Scene[] =>
    steps.flatMap((step): Scene[] => {
      const { state, members } = scene;
      const makes = step.kind === 'create';
      if (makes && state.status[step.account] !== absent) return [];
      const isAllowed =
        (makes && step.roles === 1 << model.signUp) ||
        accounts.some((actor) => isMember(scene, actor) && model.decide(state, actor, step) === null);
      if (!isAllowed) return [];
      return [{ state: model.apply(state, step), members: makes ? members | (1 << step.account) : members }];
    });

  const everything = (start: Scene): Iterable<Scene> => {
    const seen = new Map([[JSON.stringify(start), start]]);
    const open = [start];
    for (let scene = open.pop(); scene; scene = open.pop()) {
      for (const next of nextOf(scene)) {
        const key = JSON.stringify(next);
        if (seen.has(key)) continue;
        seen.set(key, next);
        open.push(next);
      }
    }
    return seen.values();
  };

  /** In place of the roles of an account: there is none yet, so that one can be made or sign up. */
  const none = -1;

  it.each<[string, number[], number[], number]>([
    ['a writer of roles, beside who holds one', [0, 2, 5], [2, 5, none], 1],
    ['a writer of roles and accounts, beside who may do something else', [0, 3, 4], [2, 5, 1], 1],
    ['a writer of accounts and a writer of roles', [0, 1, 2], [3, 5, 1], 3],
    ['two who may do everything together', [0, 6, 1], [2, 4, 1], 3],
    ['writers of accounts, beside who may do everything', [0, 1, 7], [2, 2, 4], 3],
    ['an account that may do nothing, beside one that may do everything', [0, 1, 7], [1, none, 6], 1],
    ['holders of what every sign-up got before', [2, 5, -1], [1, 3, 2], 1],
  ])(
    'has no more than its members had, and gives no more: %s',
    (_, roles, held, members) => {
      const state: State = {
        status: held.map((each) => (each === none ? absent : usable)),
        held: held.map((each) => (each === none ? 0 : each)),
        roles,
      };
      const start: Scene = { state, members };
      const before = accounts.map((account) => powerOf(start.state, account));
      const ofSignUps = roles[model.signUp] ?? 0;
      const union = before.reduce((sum, own, at) => (isMember(start, at) ? sum | own : sum), ofSignUps);
      let count = 0;
      for (const scene of everything(start)) {
        count++;
        const exceeds = accounts.some(
          (account) =>
            !hasAll(
              isMember(scene, account) ? union : union | (before[account] ?? 0),
              powerOf(scene.state, account),
            ),
        );
        if (exceeds) expect(scene).toBe('out of reach');
      }
      expect(count).toBeGreaterThan(1);
    },
    limitMs,
  );
});

describe('a walk with every permission that there is', () => {
  const world: World = {
    permissions: permissionNames,
    administrative: (1 << administrativePermissions.length) - 1,
    roles: ['admin', 'user', 'one'],
    isAdministrated: false,
  };
  const model = createModel(world);
  const everything = (1 << permissionNames.length) - 1;
  const [account, held, set] = [fc.nat(2), fc.nat(7), fc.nat(everything)];
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), role: fc.nat(2), permissions: set }),
    fc.record({ kind: fc.constantFrom('give' as const, 'create' as const), account, roles: held }),
    fc.record({ kind: fc.constantFrom('disable' as const, 'enable' as const, 'remove' as const), account }),
  );

  it(
    'gives nobody more than all accounts together had, and sign-ups nothing',
    () => {
      const walk = fc.property(
        fc.tuple(held, held, held),
        set,
        fc.array(fc.tuple(account, step), { maxLength: 200 }),
        (begin, one, path) => {
          let state: State = { status: [usable, usable, usable], held: begin, roles: [everything, 0, one] };
          const union = accounts.reduce((sum, each) => sum | powerOf(state, each), 0);
          for (const [actor, next] of path) {
            if (next.kind === 'create' && state.status[next.account] !== absent) continue;
            if (model.decide(state, actor, next) === null) state = model.apply(state, next);
            for (const each of accounts) expect(powerOf(state, each) & ~union).toBe(0);
            expect(state.roles[1]).toBe(0);
          }
        },
      );
      fc.assert(walk, { numRuns: 300 });
    },
    limitMs,
  );
});
