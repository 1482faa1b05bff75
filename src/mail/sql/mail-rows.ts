import { type SQL, sql } from 'drizzle-orm';
import { codePolicy, mailCooldownSeconds, type TokenPurpose, tokenTtlSeconds } from '../../emails/rules.ts';
import type { RequestContext } from '../../platform/context.ts';
import { firstIdAt } from '../../platform/rules/uuid-v7.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import type { MailTemplate } from '../rules/outbox.ts';

/** A token that is to be mailed: the ids of its row and of the mail, and the MAC of its code if it has one. */
export type MailedToken = {
  readonly tokenId: string;
  readonly outboxId: string;
  readonly codeMac: string | null;
};

/** Whether another mail may go out, by when the last one did; decided under the lock of its row. */
export const isDue = ({ now }: RequestContext, sentAt: SQL): SQL =>
  sql`(${sentAt} is null or ${sentAt} <= ${secondsAfter(now, -mailCooldownSeconds)})`;

/** For an update of an account whose reset links have ended: the next need not wait. */
export const noResetSent: SQL = sql`reset_sent_at = null, familiar_reset_sent_at = null`;

/**
 * Inserts a token for the user and address that `from` yields as `user_id` and `email`. Since when its address was proved
 * may refer to `source`.
 */
export const insertToken = (
  ctx: RequestContext,
  purpose: TokenPurpose,
  { tokenId, codeMac }: Pick<MailedToken, 'tokenId' | 'codeMac'>,
  from: SQL,
  provedAt: SQL = sql`null`,
): SQL => {
  const codeExpiresAt = codeMac === null ? null : secondsAfter(ctx.now, codePolicy.ttlSeconds);
  return sql`
    insert into one_time_tokens (id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
    select ${tokenId}::uuid, source.user_id, ${purpose}::text, source.email, ${provedAt}::timestamptz, ${codeMac}::text, ${codeExpiresAt}::timestamptz,
           ${ctx.now}::timestamptz, ${secondsAfter(ctx.now, tokenTtlSeconds[purpose])}::timestamptz
    from (${from}) source
    returning id, user_id, email`;
};

/** What a token of the version before may still hold; nobody reads it any more. */
export const withoutCredentials: SQL = sql`password_hash = null, username = null`;

/** Ends the unused tokens `o` of those purposes of the accounts that the statement has as `c`, where `which` is true. */
export const voidTokens = (
  { now }: RequestContext,
  purposes: readonly TokenPurpose[],
  which: SQL = sql`true`,
): SQL => sql`
  update one_time_tokens o set used_at = ${now}, ${withoutCredentials}
  from c where o.user_id = c.id and o.purpose = any(${sql.param(purposes)}::text[]) and o.used_at is null and ${which}`;

/**
 * The same for a statement that holds no lock of the account. It skips tokens that another statement has locked, because
 * waiting for them could deadlock.
 */
export const voidFreeTokens = ({ now }: RequestContext, purposes: readonly TokenPurpose[]): SQL => sql`
  update one_time_tokens o set used_at = ${now}, ${withoutCredentials}
  from (
    select free.id from one_time_tokens free join c on free.user_id = c.id
    where free.purpose = any(${sql.param(purposes)}::text[]) and free.used_at is null
    for no key update of free skip locked
  ) free where o.id = free.id`;

/**
 * Inserts a mail to whom `from` yields as `user_id` and `recipient`; `details` may refer to `source`. An address that was
 * proved has a budget of its own (ADR 22): by an account that has it now, unless `isProved` says so of one that had it.
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
         ${isProved},
         ${ctx.now}::timestamptz, ${ctx.now}::timestamptz
  from (${from}) source
  returning id`;

/** A UUIDv7 for each row of a statement that writes as many mails as it finds addresses; the purge goes by their age. */
export const newMailIds = ({ now }: RequestContext): SQL =>
  sql`(left(${firstIdAt(now)}, 15) || substr(gen_random_uuid()::text, 16))::uuid`;

/** The details of a mail whose text names a token. */
export const tokenDetails = (tokenId: string): SQL => sql`jsonb_build_object('token_id', ${tokenId}::text)`;

/** The same for a token that somebody has asked for from somewhere; whoever reads the mail can tell whether it was they. */
export const askedTokenDetails = (ctx: RequestContext, tokenId: string): SQL =>
  sql`${tokenDetails(tokenId)} || ${originDetails(ctx)}`;

/** The details of a mail that tells where something was done from. */
export const originDetails = ({ ip, userAgent }: RequestContext): SQL =>
  sql`jsonb_build_object('ip', ${ip}::text, 'user_agent', ${userAgent}::text)`;

type MailedTokenParts = {
  readonly purpose: TokenPurpose;
  readonly template: MailTemplate;
  readonly token: MailedToken;
  /** As `insertToken` takes them. */
  readonly from: SQL;
  readonly details?: SQL;
};

/** The expressions `t` and `mailed`: a token, and the mail that brings it to its address. */
export const mailToken = (
  ctx: RequestContext,
  { purpose, template, token, from, details = tokenDetails(token.tokenId) }: MailedTokenParts,
): SQL => sql`
  t as (${insertToken(ctx, purpose, token, from)}),
  mailed as (${insertMail(ctx, template, token.outboxId, sql`select t.user_id, t.email as recipient from t`, details)})`;
