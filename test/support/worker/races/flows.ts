import type { ErrorCode } from '../../../../src/platform/errors.ts';
import { password } from '../client.ts';
import {
  json as asJson,
  comeBack,
  newPerson,
  type Person,
  type Provider,
  setOut,
} from '../identity-provider.ts';
import { declarationOf, pdf } from '../uploads.ts';
import type { RaceAccount } from './account.ts';

/** What is true of an account before a race, that a flow may need and another one may end. */
export type Fact =
  | 'account'
  | 'enabled'
  | 'address'
  | 'password'
  /** Nobody has changed the account since the password was proved. */
  | 'unchanged'
  | 'own session'
  | 'other session'
  | 'spare session'
  | 'identity'
  | 'reset token'
  | 'verify token'
  | 'change token'
  | 'restore token';

type Setting = { readonly account: RaceAccount; readonly admin: string; readonly provider: Provider };
type Send = () => Promise<Response>;

export type Flow = {
  /** Gets everything ready up to the request; `slot` tells two of one flow apart. */
  readonly prepare: (setting: Setting, slot: number) => Send | Promise<Send>;
  readonly needs: readonly Fact[];
  readonly ends: readonly Fact[];
  /** What it may end, by a rule that is not of this table's concern. */
  readonly mayEnd?: readonly Fact[];
  /** The codes by which it says that it has lost. */
  readonly refusals: readonly ErrorCode[];
  /** Whether it may be refused for what the account was like before. */
  readonly mayFailAlone?: (account: RaceAccount) => boolean;
  /** Whether the same again, with the same token, may be answered as the first time; it then changes nothing. */
  readonly mayRepeat?: true;
  /** Whether its answer carries a session: a new one, or one that it has kept. */
  readonly opens?: 'new session' | 'kept session';
  /** What it does to the password. */
  readonly password?: 'sets' | 'takes';
  /** Whether it waits for all others that change who may do what, whatever the account. */
  readonly locksAuthority?: true;
};

export const nextPassword = (slot: number): string => `umbrella lantern orchard ${slot}47`;

const allSessions = ['own session', 'other session', 'spare session'] as const satisfies Fact[];
const deletes = ['account', ...allSessions] as const satisfies Fact[];
const ofOwner = ['account', 'enabled', 'own session'] as const satisfies Fact[];
const noSession = ['session_revoked', 'account_disabled'] as const satisfies ErrorCode[];
const noProof = [...noSession, 'invalid_credentials', 'conflict'] as const satisfies ErrorCode[];

const own =
  (method: string, path: string, body?: (account: RaceAccount, slot: number) => object): Flow['prepare'] =>
  ({ account }, slot) => {
    const init = { bearer: account.sessions.own.bearer, ...(body && { json: body(account, slot) }) };
    return () => account.client(method, path, init);
  };

const byAnybody =
  (path: string, body: (account: RaceAccount, slot: number) => object): Flow['prepare'] =>
  ({ account }, slot) =>
  () =>
    account.client('POST', path, { json: body(account, slot) });

const byAdmin =
  (method: string, path: string, json?: object): Flow['prepare'] =>
  ({ account, admin: bearer }) =>
  () =>
    account.client(method, `/users/${account.id}${path}`, { bearer, ...(json && { json }) });

const bySingleSignOn =
  (personOf: (account: RaceAccount) => Person): Flow['prepare'] =>
  async ({ account, provider }) => {
    const { location, sealed } = await setOut(account.client);
    const back = provider.consent(location, personOf(account));
    return () => comeBack(account.client, back, sealed, asJson);
  };

/** Every flow over one account. */
export const flows = {
  login: {
    prepare: byAnybody('/auth/token', ({ email }) => ({ email, password, scope: 'offline_access' })),
    needs: ['account', 'enabled', 'password'],
    ends: [],
    refusals: ['invalid_credentials', 'account_disabled'],
    opens: 'new session',
  },
  refresh: {
    prepare: byAnybody('/auth/refresh', ({ sessions }) => ({ refresh_token: sessions.other.refresh })),
    needs: ['account', 'enabled', 'other session'],
    ends: [],
    refusals: [...noSession, 'refresh_token_invalid'],
    opens: 'kept session',
  },
  'log out everywhere': {
    prepare: own('POST', '/auth/logout?scope=global'),
    needs: ['own session'],
    ends: [...allSessions, 'change token'],
    refusals: ['session_revoked'],
  },
  'end a session': {
    prepare:
      ({ account: { client, sessions } }) =>
      () =>
        client('DELETE', `/auth/sessions/${sessions.spare.id}`, { bearer: sessions.own.bearer }),
    needs: [...ofOwner, 'spare session'],
    ends: ['spare session', 'change token'],
    refusals: [...noSession, 'not_found'],
  },
  'change the password': {
    prepare: own('POST', '/auth/password', (_, slot) => ({
      current_password: password,
      new_password: nextPassword(slot),
    })),
    needs: [...ofOwner, 'password'],
    ends: ['password', 'unchanged', ...allSessions, 'reset token', 'change token'],
    refusals: noProof,
    opens: 'new session',
    password: 'sets',
  },
  'reset the password': {
    prepare: byAnybody('/auth/password/reset', ({ tokens }, slot) => ({
      token: tokens.reset_password,
      password: nextPassword(slot),
    })),
    needs: ['account', 'enabled', 'reset token'],
    ends: ['password', 'unchanged', ...allSessions, 'reset token', 'change token', 'verify token'],
    mayEnd: ['restore token'],
    refusals: ['token_invalid'],
    password: 'sets',
  },
  'forget the password': {
    prepare: byAnybody('/auth/password/forgot', ({ email }) => ({ email })),
    needs: [],
    ends: [],
    refusals: [],
  },
  'verify the address': {
    prepare: byAnybody('/auth/email/verify', ({ tokens }) => ({ token: tokens.verify_email })),
    needs: ['account', 'verify token'],
    ends: ['verify token', 'unchanged'],
    refusals: ['token_invalid'],
    mayRepeat: true,
  },
  'ask for the verification again': {
    prepare: byAnybody('/auth/email/resend', ({ email }) => ({ email })),
    needs: [],
    ends: [],
    refusals: [],
  },
  'ask for another address': {
    prepare: own('POST', '/auth/email/change', (_, slot) => ({
      password,
      email: `asked-${slot}-${crypto.randomUUID()}@example.com`,
    })),
    needs: [...ofOwner, 'password'],
    ends: ['change token'],
    refusals: noProof,
  },
  'confirm another address': {
    prepare: byAnybody('/auth/email/verify', ({ tokens }) => ({ token: tokens.change_email })),
    needs: ['account', 'enabled', 'change token'],
    ends: ['change token', 'verify token', 'reset token', 'unchanged'],
    mayEnd: ['address'],
    refusals: ['token_invalid'],
    mayRepeat: true,
  },
  'restore the address': {
    prepare: byAnybody('/auth/email/restore', ({ tokens }) => ({ token: tokens.restore_email })),
    needs: ['account', 'restore token'],
    ends: [
      'restore token',
      'password',
      ...allSessions,
      'reset token',
      'verify token',
      'change token',
      'unchanged',
    ],
    mayEnd: ['address', 'identity'],
    refusals: ['token_invalid'],
    mayRepeat: true,
    password: 'takes',
  },
  rename: {
    prepare: own('PATCH', '/users/me', ({ id }, slot) => ({ username: `u${slot}-${id.slice(-12)}` })),
    needs: ofOwner,
    ends: ['unchanged'],
    refusals: noSession,
  },
  'delete the account': {
    prepare: own('DELETE', '/users/me', () => ({ password })),
    needs: [...ofOwner, 'password', 'unchanged'],
    ends: deletes,
    refusals: noProof,
    locksAuthority: true,
  },
  'unlink an identity': {
    prepare:
      ({ account: { client, sessions, identityId } }) =>
      () =>
        client('DELETE', `/users/me/identities/${identityId}`, { bearer: sessions.own.bearer }),
    needs: [...ofOwner, 'identity'],
    ends: ['identity'],
    refusals: [...noSession, 'not_found'],
  },
  'declare an upload': {
    prepare: async ({ account: { client, sessions } }) => {
      const init = { bearer: sessions.own.bearer, json: await declarationOf(pdf) };
      return () => client('POST', '/uploads', init);
    },
    needs: ofOwner,
    ends: [],
    refusals: noSession,
  },
  'log in by a provider': {
    prepare: bySingleSignOn(({ person }) => person),
    // Without its identity it is decided by its address, as a new one.
    needs: ['enabled', 'address'],
    ends: [],
    refusals: ['account_disabled', 'email_taken'],
    mayFailAlone: ({ isVerified }) => !isVerified,
    opens: 'new session',
  },
  'link an identity': {
    prepare: bySingleSignOn(({ email }) => newPerson({ email })),
    needs: ['enabled', 'address'],
    ends: [],
    refusals: ['account_disabled', 'email_taken'],
    mayFailAlone: ({ isVerified }) => !isVerified,
    opens: 'new session',
  },
  'sign up again': {
    prepare: byAnybody('/auth/signup', ({ email }) => ({ email, password })),
    needs: [],
    ends: [],
    refusals: ['email_taken'],
    mayFailAlone: () => true,
    opens: 'new session',
  },
  'administrator: disable': {
    prepare: byAdmin('PATCH', '', { disabled: true }),
    needs: ['account'],
    ends: ['enabled', 'unchanged', ...allSessions, 'change token'],
    refusals: ['not_found'],
    locksAuthority: true,
  },
  'administrator: take the password': {
    prepare: byAdmin('PATCH', '', { password: null }),
    needs: ['account'],
    ends: ['password', 'unchanged', ...allSessions, 'reset token', 'change token', 'identity'],
    refusals: ['not_found'],
    password: 'takes',
    locksAuthority: true,
  },
  'administrator: set roles': {
    prepare: byAdmin('PATCH', '', { roles: [] }),
    needs: ['account'],
    ends: ['unchanged'],
    refusals: ['not_found'],
    locksAuthority: true,
  },
  'administrator: end the sessions': {
    prepare: byAdmin('DELETE', '/sessions'),
    needs: ['account'],
    ends: [...allSessions, 'change token'],
    refusals: ['not_found'],
  },
  'administrator: delete': {
    prepare: byAdmin('DELETE', ''),
    needs: ['account'],
    ends: deletes,
    refusals: ['not_found'],
    locksAuthority: true,
  },
} as const satisfies Readonly<Record<string, Flow>>;

export type FlowName = keyof typeof flows;
