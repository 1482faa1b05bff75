import type { Refusal } from '../../../src/platform/refusals.ts';

/**
 * The rules of authority once more, on sets of bits. Nothing enforces by it: `authority-rules.test.ts` explores what it
 * allows, and `authority-conformance.test.ts` holds the statements of the repositories against it.
 */
export type World = {
  /** The name of each bit of a set of permissions. */
  readonly permissions: readonly string[];
  readonly administrative: number;
  /** The name of each bit of a set of roles. */
  readonly roles: readonly string[];
  /** An account beyond these is an administrator who can log in. */
  readonly isAdministrated: boolean;
};

export const absent = 0;
export const usable = 1;
/** Disabled; one that has no way to log in counts as little. */
export const unusable = 2;

export type State = {
  /** `absent`, `usable` or `unusable`, by account. */
  readonly status: readonly number[];
  /** The roles of each account. */
  readonly held: readonly number[];
  /** The permissions of each role; -1: there is no such role. */
  readonly roles: readonly number[];
};

export type Step =
  | { readonly kind: 'put'; readonly role: number; readonly permissions: number }
  | { readonly kind: 'drop'; readonly role: number }
  | { readonly kind: 'create' | 'give'; readonly account: number; readonly roles: number }
  | { readonly kind: 'disable' | 'enable' | 'remove'; readonly account: number };

export type Verdict = Refusal;

const replaced = (values: readonly number[], at: number, value: number): number[] =>
  values.map((old, index) => (index === at ? value : old));

export const hasAll = (set: number, subset: number): boolean => (subset & ~set) === 0;

export const allowedBy = ({ roles }: State, held: number): number => {
  let sum = 0;
  // Loops over numbers, as these are asked some ten million times.
  for (let role = 0; role < roles.length; role++)
    if (held & (1 << role)) sum |= Math.max(roles[role] ?? 0, 0);
  return sum;
};

export const powerOf = (state: State, account: number): number =>
  state.status[account] === absent ? 0 : allowedBy(state, state.held[account] ?? 0);

export const createModel = (world: World) => {
  const permission = (name: string) => 1 << world.permissions.indexOf(name);
  const [usersWrite, rolesWrite] = [permission('users:write'), permission('roles:write')];
  const [admin, signUp] = [world.roles.indexOf('admin'), world.roles.indexOf('user')];

  const holds = (state: State, account: number, role: number): boolean =>
    state.status[account] !== absent && ((state.held[account] ?? 0) & (1 << role)) !== 0;

  /** Whether an account has the role and is as asked. */
  const isHeld = (state: State, role: number, is: (account: number) => boolean): boolean => {
    for (let account = 0; account < state.status.length; account++)
      if (holds(state, account, role) && is(account)) return true;
    return false;
  };

  const isAdministrated = (state: State, but = -1): boolean =>
    world.isAdministrated ||
    (admin >= 0 && isHeld(state, admin, (account) => account !== but && state.status[account] === usable));

  const isLastAdministrator = (state: State, account: number): boolean =>
    holds(state, account, admin) && !isAdministrated(state, account);

  const decidePut = (state: State, actor: number, role: number, given: number): Verdict => {
    const own = powerOf(state, actor);
    const old = Math.max(state.roles[role] ?? 0, 0);
    const [added, removed] = [given & ~old, old & ~given];
    const isAnyones = isHeld(state, role, () => true);
    if (role === admin) return 'built_in';
    if (!hasAll(own, removed)) return 'role_holds_more';
    if (!hasAll(own, given) && (added !== 0 || removed === 0)) return 'grants_more';
    if (role === signUp && (added & world.administrative) !== 0) return 'sign_up_role';
    if (isAnyones && (added | removed) !== 0 && !hasAll(own, usersWrite)) return 'role_is_held';
    if (added !== 0 && isHeld(state, role, (holder) => !hasAll(own, powerOf(state, holder))))
      return 'holder_holds_more';
    if (removed === 0 || !holds(state, actor, role)) return null;
    const kept = allowedBy(state, (state.held[actor] ?? 0) & ~(1 << role));
    return hasAll(kept, removed) ? null : 'own_authority';
  };

  const decideDrop = (state: State, actor: number, role: number): Verdict => {
    if (state.roles[role] === -1) return 'not_found';
    if (role === admin || role === signUp) return 'built_in';
    if (!hasAll(powerOf(state, actor), state.roles[role] ?? 0)) return 'role_holds_more';
    return isHeld(state, role, () => true) ? 'in_use' : null;
  };

  const isUnknown = ({ roles }: State, held: number): boolean => {
    for (let role = 0; role < roles.length; role++) if (held & (1 << role) && roles[role] === -1) return true;
    return false;
  };

  const decideForAccount = (state: State, actor: number, step: Exclude<Step, { role: number }>): Verdict => {
    const { account } = step;
    const own = powerOf(state, actor);
    const power = powerOf(state, account);
    const wanted = 'roles' in step ? allowedBy(state, step.roles) : power;
    const isGone = step.kind === 'disable' || step.kind === 'remove';
    if (step.kind !== 'create' && state.status[account] === absent) return 'not_found';
    if ('roles' in step && isUnknown(state, step.roles)) return 'unknown_role';
    if (!hasAll(own, power)) return 'holds_more';
    if (!hasAll(own, wanted)) return 'grants_more';
    if (account === actor && (isGone || !hasAll(wanted, power))) return 'own_authority';
    const demotes = isGone || (step.kind === 'give' && (step.roles & (1 << admin)) === 0);
    return demotes && isLastAdministrator(state, account) ? 'last_administrator' : null;
  };

  const decide = (state: State, actor: number, step: Step): Verdict => {
    if (state.status[actor] === absent) return 'session_revoked';
    if (state.status[actor] === unusable) return 'account_disabled';
    if (!hasAll(powerOf(state, actor), 'role' in step ? rolesWrite : usersWrite)) return 'forbidden';
    if (step.kind === 'put') return decidePut(state, actor, step.role, step.permissions);
    if (step.kind === 'drop') return decideDrop(state, actor, step.role);
    return decideForAccount(state, actor, step);
  };

  const apply = (state: State, step: Step): State => {
    const { status, held, roles } = state;
    switch (step.kind) {
      case 'put':
        return { ...state, roles: replaced(roles, step.role, step.permissions) };
      case 'drop':
        return { ...state, roles: replaced(roles, step.role, -1) };
      case 'create':
        return {
          ...state,
          status: replaced(status, step.account, usable),
          held: replaced(held, step.account, step.roles),
        };
      case 'give':
        return { ...state, held: replaced(held, step.account, step.roles) };
      case 'disable':
        return { ...state, status: replaced(status, step.account, unusable) };
      case 'enable':
        return { ...state, status: replaced(status, step.account, usable) };
      case 'remove':
        return {
          ...state,
          status: replaced(status, step.account, absent),
          held: replaced(held, step.account, 0),
        };
    }
  };

  return { decide, apply, isAdministrated, usersWrite, rolesWrite, signUp };
};
