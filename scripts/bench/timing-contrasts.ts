import { neon, neonConfig } from '@neondatabase/serverless';
import { loadGroup } from '../admin/config-group.ts';
import { hashPassword } from '../admin/passwords.ts';
import { localRoles } from '../stack/database-plan.ts';

export type Send = (turn: number) => { readonly path: string; readonly body: object };

/** Two requests that must look alike to a stopwatch. */
export type Contrast = {
  /** By which it can be asked for on the command line. */
  readonly key: string;
  readonly name: string;
  readonly status: number;
  readonly one: Send;
  readonly other: Send;
  /** Sent before each of both, unmeasured. */
  readonly before?: Send;
  /** Waited after each request: what goes on after a response must not slow the next one down. */
  readonly settleMs: number;
};

/** Accounts that are made for each kind but the unknown ones; a mail goes to each only once. */
export const accountsPerKind = 500;
const kinds = ['known', 'passwordless', 'unverified', 'waiting', 'unknown', 'newcomer'] as const;
type Kind = (typeof kinds)[number];

/** All addresses are of one length. */
const emailOf = (kind: Kind, turn: number) =>
  `${kind.padEnd(12, '-')}-${String(turn).padStart(4, '0')}@example.com`;

const password = 'correct horse battery staple';

// A few in turn: each identifier has an object that counts attempts, and waking up new ones would be noise.
const login =
  (kind: Kind): Send =>
  (turn) => ({
    path: '/auth/token',
    body: { email: emailOf(kind, turn % 10), password: 'a wrong password' },
  });
/** Of an account that is logged in by its owner, or of nobody: each in its turn, so that none is guessed at before. */
const guess =
  (kind: Kind): Send =>
  (turn) => ({
    path: '/auth/token',
    body: { email: emailOf(kind, turn), password: 'a wrong password' },
  });
const ownLogin: Send = (turn) => ({ path: '/auth/token', body: { email: emailOf('known', turn), password } });
const signup =
  (kind: Kind): Send =>
  (turn) => ({ path: '/auth/signup', body: { email: emailOf(kind, turn), password } });
const forgot =
  (kind: Kind): Send =>
  (turn) => ({ path: '/auth/password/forgot', body: { email: emailOf(kind, turn) } });
const resend =
  (kind: Kind): Send =>
  (turn) => ({ path: '/auth/email/resend', body: { email: emailOf(kind, turn) } });

const wrongCode =
  (kind: Kind): Send =>
  (turn) => ({ path: '/auth/email/verify', body: { email: emailOf(kind, turn), code: '000000' } });

/** The sign-up comes last: it turns the unknown addresses into accounts. */
export const contrasts: readonly Contrast[] = [
  {
    key: 'login',
    name: 'login: wrong password / no such account',
    status: 401,
    one: login('known'),
    other: login('unknown'),
    settleMs: 5,
  },
  {
    key: 'passwordless',
    name: 'login: account without a password / no such account',
    status: 401,
    one: login('passwordless'),
    other: login('unknown'),
    settleMs: 5,
  },
  {
    key: 'login-after',
    name: 'login: wrong password right after the own login of the owner / no such account',
    status: 401,
    before: ownLogin,
    one: guess('known'),
    other: guess('unknown'),
    settleMs: 25,
  },
  {
    key: 'forgot',
    name: 'forgot password: account / no such account',
    status: 202,
    one: forgot('known'),
    other: forgot('unknown'),
    settleMs: 25,
  },
  {
    key: 'resend',
    name: 'resend the verification mail: account that waits for it / no such account',
    status: 202,
    one: resend('unverified'),
    other: resend('unknown'),
    settleMs: 25,
  },
  {
    key: 'code',
    name: 'a wrong code: account that waits for its mail / no such account',
    status: 400,
    before: resend('unverified'),
    one: wrongCode('unverified'),
    other: wrongCode('unknown'),
    settleMs: 25,
  },
  {
    key: 'code-proved',
    name: 'a wrong code: account with a proved address / no such account',
    status: 400,
    one: wrongCode('known'),
    other: wrongCode('unknown'),
    settleMs: 25,
  },
  {
    key: 'signup',
    name: 'sign-up with EMAIL_VERIFICATION=required: account / no such account',
    status: 202,
    one: signup('known'),
    other: signup('unknown'),
    settleMs: 25,
  },
  {
    key: 'signup-waiting',
    name: 'sign-up with EMAIL_VERIFICATION=required: account that waits for its mail / no such account',
    status: 202,
    one: signup('waiting'),
    other: signup('newcomer'),
    settleMs: 25,
  },
];

export const post = (url: string, { path, body }: ReturnType<Send>, address: string): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': address },
    body: JSON.stringify(body),
  });

/** Accounts of each kind, with what makes it one; all have one hash, as the Worker would make it. */
export const prepareAccounts = async (endpointUrl: string): Promise<void> => {
  const hash = await hashPassword(password, loadGroup({}, 'Passwords').password);
  neonConfig.fetchEndpoint = () => endpointUrl;
  const sql = neon(`postgres://${localRoles.app.user}:unchecked@embedded.localhost/itsor`);
  const emails = kinds
    .filter((kind) => kind !== 'unknown' && kind !== 'newcomer')
    .flatMap((kind) => Array.from({ length: accountsPerKind }, (_, turn) => emailOf(kind, turn)));
  await sql`
    insert into users (id, email, password_hash, email_verified_at, created_at, updated_at)
    select gen_random_uuid(), email,
           case when email like any ('{passwordless%,waiting%}') then null else ${hash} end,
           case when email like any ('{unverified%,waiting%}') then null else now() end, now(), now()
    from unnest(${emails}::text[]) email`;
};
