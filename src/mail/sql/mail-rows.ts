import { type SQL, sql } from 'drizzle-orm';
import { codePolicy, mailCooldownSeconds, type TokenPurpose, tokenTtlSeconds } from '../../emails/rules.ts';
import type { RequestContext } from '../../platform/context.ts';
import { firstIdAt } from '../../platform/rules/uuid-v7.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import type { MailTemplate } from '../rules/outbox.ts';

/** A token for a mail: the ids of its row and of the mail, and the MAC of its code, or null without a code. */
export type MailedToken = {
  readonly tokenId: string;
  readonly outboxId: string;
  readonly codeMac: string | null;
};

/** Whether another mail may be sent, by the time of the last one. The caller holds the lock of the row. */
export const isDue = ({ now }: RequestContext, sentAt: SQL): SQL =>
  sql`(${sentAt} is null or ${sentAt} <= ${secondsAfter(now, -mailCooldownSeconds)})`;

/** Assignments for an account whose reset links have ended, so that the next reset need not wait. */
export const noResetSent: SQL = sql`reset_sent_at = null, familiar_reset_sent_at = null`;

/**
 * Inserts a token for each `user_id` and `email` that `from` selects. `provedAt`, the time when the address was proved,
 * may refer to `source`.
 */
export const insertToken = (
  { now }: Pick<RequestContext, 'now'>,
  purpose: TokenPurpose,
  { tokenId, codeMac }: Pick<MailedToken, 'tokenId' | 'codeMac'>,
  from: SQL,
  provedAt: SQL = sql`null`,
): SQL => {
  const codeExpiresAt = codeMac === null ? null : secondsAfter(now, codePolicy.ttlSeconds);
  return sql`
    insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
    select ${tokenId}::uuid, source.user_id, ${purpose}::text, source.email, ${provedAt}::timestamptz,
           ${codeMac}::text, ${codeExpiresAt}::timestamptz,
           ${now}::timestamptz, ${secondsAfter(now, tokenTtlSeconds[purpose])}::timestamptz
    from (${from}) source
    returning id, user_id, email`;
};

/**
 * Assignments for a token that does what it is for; a second use of it is told of that (docs/adr/0032). `now` is the
 * instant of the whole statement, because the account's own times are compared with it.
 */
export const succeeds = (now: Date): SQL => sql`used_at = ${now}, succeeded_at = ${now}`;

/** Assignments that clear two columns of tokens which this version no longer writes (ADR 10). */
export const withoutCredentials: SQL = sql`password_hash = null, username = null`;

/**
 * Whether a token can still be used. Strangers can ask for one a minute for weeks, and a change of the password must not
 * write all of the expired ones.
 */
export const isLive = (token: SQL, now: Date): SQL =>
  sql`${token}.used_at is null and ${token}.expires_at > ${now}::timestamptz`;

/**
 * Ends the live tokens of those purposes that belong to the accounts of the relation `accounts`, by their `id`.
 * `which` narrows them; it may refer to the token as `token`.
 */
export const voidTokens = (
  { now }: RequestContext,
  purposes: readonly TokenPurpose[],
  accounts: SQL,
  which: SQL = sql`true`,
): SQL => sql`
  update one_time_tokens token set used_at = ${now}, ${withoutCredentials}
  from ${accounts}
  where token.user_id = ${accounts}.id and token.purpose = any(${sql.param(purposes)}::text[])
    and ${isLive(sql`token`, now)} and ${which}`;

/**
 * The same for a statement that does not lock the account. It skips tokens that another statement has locked, because
 * waiting for them could deadlock.
 */
export const voidFreeTokens = (
  { now }: RequestContext,
  purposes: readonly TokenPurpose[],
  accounts: SQL,
): SQL => sql`
  update one_time_tokens set used_at = ${now}, ${withoutCredentials}
  from (
    select free.id from one_time_tokens free join ${accounts} on free.user_id = ${accounts}.id
    where free.purpose = any(${sql.param(purposes)}::text[]) and ${isLive(sql`free`, now)}
    for no key update of free skip locked
  ) free_token where one_time_tokens.id = free_token.id`;

/**
 * Inserts a mail for each `user_id` and `recipient` that `from` selects; `details` may refer to `source`. A proved
 * address has a budget of its own (ADR 22): `isProved` is by default whether an account with this address has proved it.
 */
export const insertMail = (
  ctx: RequestContext,
  template: MailTemplate,
  outboxId: string | SQL,
  from: SQL,
  details: SQL = sql`'{}'::jsonb`,
  isProved: SQL = sql`exists (
    select from users proved where proved.email = source.recipient and proved.email_verified_at is not null)`,
): SQL => sql`
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select ${outboxId}::uuid, source.user_id, source.recipient, ${template}::text, ${details},
         ${isProved}, ${ctx.now}::timestamptz, ${ctx.now}::timestamptz
  from (${from}) source
  returning id`;

/** A UUIDv7 for each row of a statement that writes several mails; the deletion of old mails compares ids. */
export const newMailIds = ({ now }: RequestContext): SQL =>
  sql`(left(${firstIdAt(now)}, 15) || substr(gen_random_uuid()::text, 16))::uuid`;

/** The details of a mail with a token. */
export const tokenDetails = (tokenId: string): SQL => sql`jsonb_build_object('token_id', ${tokenId}::text)`;

/** The same with the origin of the request, so that readers of the mail can tell whether the request was theirs. */
export const askedTokenDetails = (ctx: RequestContext, tokenId: string): SQL =>
  sql`${tokenDetails(tokenId)} || ${originDetails(ctx)}`;

/** The details of a mail that names the origin of a request. */
export const originDetails = ({ ip, userAgent }: RequestContext): SQL =>
  sql`jsonb_build_object('ip', ${ip}::text, 'user_agent', ${userAgent}::text)`;

type MailedTokenParts = {
  readonly purpose: TokenPurpose;
  readonly template: MailTemplate;
  readonly token: MailedToken;
  /** The rows for `insertToken`. */
  readonly from: SQL;
  readonly details?: SQL;
};

/** The expressions `mailed_token` and `mailed`: a token, and the mail that carries it to its address. */
export const mailToken = (
  ctx: RequestContext,
  { purpose, template, token, from, details = tokenDetails(token.tokenId) }: MailedTokenParts,
): SQL => {
  const recipient = sql`select mailed_token.user_id, mailed_token.email as recipient from mailed_token`;
  return sql`
    mailed_token as (${insertToken(ctx, purpose, token, from)}),
    mailed as (${insertMail(ctx, template, token.outboxId, recipient, details)})`;
};
