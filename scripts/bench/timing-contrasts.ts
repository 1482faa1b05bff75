import { loadGroup } from '../admin/config-group.ts';
import { hashPassword } from '../admin/passwords.ts';
import { connectAs } from './stack.ts';

export type Send = (turn: number) => { readonly path: string; readonly body: object };

/** Two requests that must look alike to a stopwatch. */
export type Contrast = {
  /** Its name on the command line. */
  readonly key: string;
  readonly name: string;
  readonly status: number;
  readonly one: Send;
  readonly other: Send;
  /** Sent before each of both, unmeasured. */
  readonly before?: Send;
  /** Waited after each request, 25 by default: work that goes on after a response must not slow the next one down. */
  readonly settleMs?: number;
};

/** How many accounts of each kind but the unknown ones are made; each gets only one mail. */
export const accountsPerKind = 500;
const kinds = ['known', 'passwordless', 'unverified', 'waiting', 'unknown', 'newcomer'] as const;
type Kind = (typeof kinds)[number];

/** All addresses are of one length. */
const emailOf = (kind: Kind, turn: number) =>
  `${kind.padEnd(12, '-')}-${String(turn).padStart(4, '0')}@example.com`;

const password = 'correct horse battery staple';

/** Each account in its turn, so that none was guessed at before. */
const guess =
  (kind: Kind): Send =>
  (turn) => ({ path: '/auth/token', body: { email: emailOf(kind, turn), password: 'a wrong password' } });
// A few in turn: each identifier has an object that counts attempts, and waking up new ones would be noise.
const login =
  (kind: Kind): Send =>
  (turn) =>
    guess(kind)(turn % 10);
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
  },
  {
    key: 'forgot',
    name: 'forgot password: account / no such account',
    status: 202,
    one: forgot('known'),
    other: forgot('unknown'),
  },
  {
    key: 'resend',
    name: 'resend the verification mail: account that waits for it / no such account',
    status: 202,
    one: resend('unverified'),
    other: resend('unknown'),
  },
  {
    key: 'code',
    name: 'a wrong code: account that waits for its mail / no such account',
    status: 400,
    before: resend('unverified'),
    one: wrongCode('unverified'),
    other: wrongCode('unknown'),
  },
  {
    key: 'code-proved',
    name: 'a wrong code: account with a proved address / no such account',
    status: 400,
    one: wrongCode('known'),
    other: wrongCode('unknown'),
  },
  {
    key: 'signup',
    name: 'sign-up with EMAIL_VERIFICATION=required: account / no such account',
    status: 202,
    one: signup('known'),
    other: signup('unknown'),
  },
  {
    key: 'signup-waiting',
    name: 'sign-up with EMAIL_VERIFICATION=required: account that waits for its mail / no such account',
    status: 202,
    one: signup('waiting'),
    other: signup('newcomer'),
  },
];

export const post = (url: string, { path, body }: ReturnType<Send>, address: string): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': address },
    body: JSON.stringify(body),
  });

/** Makes the accounts of each kind. All have one hash, made as a Worker with those variables makes it. */
export const prepareAccounts = async (
  endpointUrl: string,
  variables: Readonly<Record<string, string>>,
): Promise<void> => {
  const hash = await hashPassword(password, loadGroup(variables, 'Passwords').password);
  const sql = connectAs('app', endpointUrl);
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
