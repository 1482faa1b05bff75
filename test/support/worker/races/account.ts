import { env } from 'cloudflare:test';
import { v7 as uuidv7 } from 'uuid';
import type { TokenPurpose } from '../../../../src/emails/rules.ts';
import { loadConfig } from '../../../../src/platform/config/load.ts';
import { createMacKeys } from '../../../../src/platform/crypto/derived-keys.ts';
import { createAccessTokens } from '../../../../src/sessions/access-tokens.ts';
import { createRefreshTokens } from '../../../../src/sessions/tokens.ts';
import { type Client, newAccount, newAddress, newEmail, type Tokens } from '../client.ts';
import { sql } from '../database.ts';
import { issuer, newPerson, type Person } from '../identity-provider.ts';
import { tokenOf } from '../mail.ts';

const loaded = loadConfig(env);
if (!loaded.ok) throw new Error('the tests are misconfigured');
const { jwt, session } = loaded.config;
const accessTokens = createAccessTokens(jwt);
const refreshTokens = createRefreshTokens(createMacKeys([session.secretKey], 'refresh-token'));
const minute = 60_000;
const newId = () => uuidv7();

type Login = { readonly id: string; readonly bearer: string; readonly refresh: string };

/** An account with one of everything that a flow can use, at an address on the network that is its own. */
export type RaceAccount = {
  readonly id: string;
  readonly email: string;
  readonly isVerified: boolean;
  /** `own` acts; `other` is refreshed; `spare` is ended by name. */
  readonly sessions: Readonly<Record<'own' | 'other' | 'spare', Login>>;
  readonly tokens: Readonly<Record<Exclude<TokenPurpose, 'invitation'>, string>>;
  readonly person: Required<Person>;
  readonly identityId: string;
  readonly client: Client;
};

const loginOf = async (id: string, userId: string): Promise<Login> => {
  const claims = { userId, sessionId: id, roles: ['user'], tokenId: newId() };
  const [bearer, refresh] = await Promise.all([
    accessTokens.sign(claims, new Date(), new Date(Date.now() + 10 * minute)),
    refreshTokens.issue({ sessionId: id, counter: 0 }),
  ]);
  return { id, bearer, refresh };
};

const hashes = new WeakMap<Client, Promise<string>>();
/** The hash of the password of all these accounts, as this client makes it. */
const hashBy = (client: Client): Promise<string> => {
  const make = async () => {
    const { user }: Tokens = await newAccount(client);
    const [row] = await sql`select password_hash from users where id = ${user.id}`;
    return String(row?.password_hash);
  };
  const hash = hashes.get(client) ?? make();
  hashes.set(client, hash);
  return hash;
};

export const newRaceAccount = async (client: Client, isVerified: boolean): Promise<RaceAccount> => {
  const [id, identityId, address] = [newId(), newId(), newAddress()];
  const [email, nextEmail, formerEmail] = [newEmail(), newEmail(), newEmail()];
  const sessionIds = [newId(), newId(), newId()] as const;
  const mailed = [
    ['reset_password', newId(), email],
    ['verify_email', newId(), email],
    ['change_email', newId(), nextEmail],
    ['restore_email', newId(), formerEmail],
  ] as const;
  const person = { ...newPerson(), email, email_verified: true };
  const hash = await hashBy(client);
  await sql.transaction([
    sql`insert into users (id, email, email_verified_at, password_hash, password_changed_at, created_at, updated_at)
      values (${id}, ${email}, case when ${isVerified} then now() end, ${hash}, now() - interval '1 day',
              now() - interval '1 day', now() - interval '1 day')`,
    sql`insert into user_roles (user_id, role_name) values (${id}, 'user')`,
    sql`insert into identities (id, user_id, issuer, subject, vouched, email, created_at, last_used_at)
      values (${identityId}, ${id}, ${issuer}, ${person.sub}, true, ${email}, now() - interval '1 day', now())`,
    sql`insert into sessions (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at)
      select session_id, ${id}, 'offline_access', now(), now(), now() + interval '1 day', now() + interval '1 day'
      from unnest(${sessionIds}::uuid[]) session_id`,
    ...mailed.map(
      ([purpose, tokenId, to]) => sql`
        insert into one_time_tokens (id, user_id, purpose, email, created_at, expires_at)
        values (${tokenId}, ${id}, ${purpose}, ${to}, now(), now() + interval '20 minutes')`,
    ),
  ]);
  const [own, other, spare] = await Promise.all([
    loginOf(sessionIds[0], id),
    loginOf(sessionIds[1], id),
    loginOf(sessionIds[2], id),
  ]);
  const tokens = await Promise.all(
    mailed.map(async ([purpose, tokenId]) => [purpose, await tokenOf(tokenId, purpose)] as const),
  );
  return {
    id,
    email,
    isVerified,
    sessions: { own, other, spare },
    tokens: Object.fromEntries(tokens) as RaceAccount['tokens'],
    person,
    identityId,
    client: (method, path, init = {}) =>
      client(method, path, { ...init, headers: { ...init.headers, 'CF-Connecting-IP': address } }),
  };
};
