import { type SQL, sql } from 'drizzle-orm';
import { lockAccountOfIdentity, lockActor, lockIdentity } from '../../accounts/sql/account-lock.ts';
import { toAccount } from '../../accounts/sql/account-rows.ts';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import { isReserved } from '../../emails/sql/undo-tokens.ts';
import {
  askedTokenDetails,
  insertMail,
  type MailedToken,
  mailToken,
  originDetails,
} from '../../mail/sql/mail-rows.ts';
import type { RequestContext, SessionContext } from '../../platform/context.ts';
import { violatedUnique } from '../../platform/db/errors.ts';
import { AppError } from '../../platform/errors.ts';
import type { Refusal } from '../../platform/refusals.ts';
import type { NewSession, OpenSession } from '../../sessions/rules/session.ts';
import { type Gated, passed, type StatementParts } from '../../sessions/sql/gate.ts';
import { type OpenedRow, openSession } from '../../sessions/sql/session-opening.ts';
import { isOver } from '../../sessions/sql/session-rows.ts';
import type { LinkedIdentity, ProvidedIdentity } from '../rules.ts';

export type SsoLogin = {
  readonly identity: ProvidedIdentity;
  readonly provider: { readonly id: string; readonly name: string };
  readonly session: NewSession;
  /** For an account whose address the provider does not vouch for; null where no address has to be verified. */
  readonly verification: MailedToken | null;
  /** The id of the mail about a new device. */
  readonly deviceMailId: string;
  /** The id of the mail about a linked identity. */
  readonly noticeId: string;
};

/** The decision about an identity. Only the first three open a session. */
export type Decision =
  | 'known'
  | 'created'
  | 'linked'
  | 'account_disabled'
  | 'email_not_verified'
  | 'no_email'
  /** Addresses have to be proved, and the provider does not vouch for this one. */
  | 'not_trusted'
  /** An account has the address, and the provider does not vouch for it. */
  | 'not_vouched'
  /** An account has the address without having proved it. */
  | 'not_proved'
  /** The address is reserved for an account that has left it. */
  | 'reserved';

export type SsoOutcome = {
  readonly kind: Decision;
  readonly opened: (OpenSession & { readonly isDeviceTold: boolean }) | null;
  readonly isMailed: boolean;
};

type DecisionRow = { kind: Decision | 'raced'; mailed: boolean };

type IdentityRow =
  | { id: string; issuer: string; created_at: Date; last_used_at: Date }
  | { id: null; issuer: null; created_at: null; last_used_at: null };

const isIdentity = (relation: SQL, { issuer, subject }: ProvidedIdentity): SQL =>
  sql`${relation}.issuer = ${issuer} and ${relation}.subject = ${subject}`;

/** The statements of identities. */
export const createIdentitySql = ({
  db,
  newId,
  gate,
  verifiedOnly,
}: Pick<StatementParts, 'db' | 'newId' | 'gate' | 'verifiedOnly'>) => {
  /**
   * Decides about an identity, and writes the result. A known identity opens its account. An unknown one is linked to
   * the account of its address if both sides have proved it, or gets a new account if no account has the address. Otherwise
   * nothing is written (docs/adr/0014).
   */
  const decide = (ctx: RequestContext, { identity, provider, verification, noticeId }: SsoLogin): SQL => {
    const { now } = ctx;
    const { issuer, subject, email, emailVerified } = identity;
    const isVouched = sql`${emailVerified}::boolean`;
    // Where addresses have to be proved, an unproved identity could tie the account to an address of another person.
    const isUntrusted = sql`${verifiedOnly && !emailVerified}::boolean`;
    const isAddressReserved = isReserved(ctx, sql`${email}::text`);
    const details = sql`jsonb_build_object('provider', ${provider.id}::text)`;
    const noticeDetails = sql`
      jsonb_build_object('provider', ${provider.name}::text) || ${originDetails(ctx)}`;
    const signedUp = {
      id: newId(now),
      type: 'account.signed_up',
      actor: sql`new_account.id`,
      subject: sql`new_account.id`,
      details,
    } as const;
    const linked = {
      id: newId(now),
      type: 'identity.linked',
      actor: sql`new_identity.user_id`,
      subject: sql`new_identity.user_id`,
      details,
    } as const;
    const refused = {
      id: newId(now),
      type: 'identity.refused',
      actor: noOne,
      subject: sql`address_owner.id`,
      details,
    } as const;
    const proof = verification && {
      purpose: 'verify_email' as const,
      template: 'verify_email' as const,
      token: verification,
      from: sql`select new_account.id as user_id, new_account.email from new_account where not ${isVouched}`,
      details: askedTokenDetails(ctx, verification.tokenId),
    };
    return sql`
      with known_identity as (
        select identities.id, identities.user_id, case
          when users.disabled_at is not null then 'account_disabled'
          when ${verifiedOnly}::boolean and users.email_verified_at is null then 'email_not_verified'
          else 'known' end as kind
        from identities join users on users.id = identities.user_id
        where ${isIdentity(sql`identities`, identity)}
      ), address_owner as (
        select users.id, users.email, users.disabled_at is not null as disabled,
               users.email_verified_at is not null as proved
        from users
        where users.email = ${email}::text and not exists (select from known_identity)
        -- Looks again at an account that is moving to another address at this moment.
        for no key update of users
      ), linked_account as (
        select address_owner.id as user_id, address_owner.email as recipient from address_owner
        where address_owner.proved and not address_owner.disabled and ${isVouched}
      ), new_account as (
        insert into users (id, email, email_verified_at, verification_sent_at, created_at, updated_at)
        select ${newId(now)}::uuid, ${email}::text,
               case when ${isVouched} then ${now}::timestamptz end,
               case when not ${isVouched} then ${verification && now}::timestamptz end,
               ${now}::timestamptz, ${now}::timestamptz
        where ${email}::text is not null and not ${isUntrusted}
          and not exists (select from known_identity) and not exists (select from address_owner)
          and not ${isAddressReserved}
        on conflict (email) do nothing
        returning id, email
      ), granted_role as (
        insert into user_roles (user_id, role_name) select new_account.id, 'user' from new_account
      ), new_identity as (
        insert into identities (id, user_id, issuer, subject, vouched, email, created_at, last_used_at)
        select ${newId(now)}::uuid, holder.user_id, ${issuer}::text, ${subject}::text, ${isVouched},
               ${email}::text, ${now}::timestamptz, ${now}::timestamptz
        from (
          select linked_account.user_id from linked_account union all select new_account.id from new_account
        ) holder
        returning user_id
      ), used_identity as (
        update identities set last_used_at = ${now} from known_identity
        where identities.id = known_identity.id and known_identity.kind = 'known'
      ), notice as (
        ${insertMail(
          ctx,
          'identity_linked',
          noticeId,
          sql`select linked_account.user_id, linked_account.recipient from linked_account`,
          noticeDetails,
        )}
      )${proof ? sql`, ${mailToken(ctx, proof)}` : sql``}, audited_account as (
        ${insertAudit(ctx, signedUp)} from new_account
      ), audited_identity as (
        ${insertAudit(ctx, linked)} from new_identity
      ), audited_refusal as (
        ${insertAudit(ctx, refused)} from address_owner where not exists (select from linked_account)
      )
      select case
        when exists (select from known_identity) then (select known_identity.kind from known_identity)
        when ${email}::text is null then 'no_email'
        -- Whether or not an account has the address, so that nobody learns it.
        when ${isUntrusted} then 'not_trusted'
        when exists (select from new_account) then 'created'
        when exists (select from linked_account) then 'linked'
        when not exists (select from address_owner) and not ${isAddressReserved} then 'raced'
        when not ${isVouched} then 'not_vouched'
        when not exists (select from address_owner) then 'reserved'
        when (select address_owner.disabled from address_owner) then 'account_disabled'
        else 'not_proved' end as kind,
        exists (select from notice) ${proof ? sql`or exists (select from mailed)` : sql``} as mailed`;
  };

  /** One transaction in one round trip; each statement sees the writes of the one before it. */
  const attempt = async (ctx: RequestContext, login: SsoLogin) => {
    const { identity, provider, session, deviceMailId } = login;
    // Only an identity that this transaction has written opens a session, not one that another login has written since.
    const isDecided = sql`account.id = (
      select identities.user_id from identities
      where ${isIdentity(sql`identities`, identity)} and identities.xmin = pg_current_xact_id()::xid)`;
    const [, , [decision], [row]] = (await db.transaction(ctx, [
      lockIdentity(identity),
      lockAccountOfIdentity(identity),
      decide(ctx, login),
      openSession(ctx, isDecided, {
        session,
        outboxId: deviceMailId,
        eventId: newId(ctx.now),
        deviceId: newId(ctx.now),
        details: sql`jsonb_build_object('provider', ${provider.id}::text)`,
      }),
    ])) as [unknown, unknown, DecisionRow[], OpenedRow[]];
    if (!decision) throw new Error('a decision returned no row');
    return { kind: decision.kind, isMailed: decision.mailed, row };
  };

  return {
    /**
     * Logs in the person of an identity. Of two parallel logins with the same new identity or address, one creates the
     * account and the other finds it. A sign-up takes no lock of the address, so a second turn finds its account.
     */
    login: async (ctx: RequestContext, login: SsoLogin): Promise<SsoOutcome> => {
      for (let turn = 0; turn < 2; turn++) {
        const tried = await attempt(ctx, login).catch((error: unknown) => {
          if (violatedUnique(error) === 'identities_issuer_subject_unique') return null;
          throw error;
        });
        if (!tried || tried.kind === 'raced') continue;
        const { kind, isMailed, row } = tried;
        const opened = row && {
          session: login.session,
          account: toAccount(row),
          isDeviceTold: row.is_device_told,
        };
        return { kind, isMailed, opened: opened ?? null };
      }
      throw new AppError('conflict');
    },

    /** Whether a session is live, and its account is not disabled. */
    isLive: async (ctx: RequestContext, sessionId: string): Promise<boolean> => {
      const rows = await db.execute(
        ctx,
        sql`
          select from sessions session join users account on account.id = session.user_id
          where session.id = ${sessionId}::uuid and not ${isOver(sql`session`, ctx.now)}
            and account.disabled_at is null`,
      );
      return rows.length > 0;
    },

    /** The actor's identities, oldest first. @throws AppError what the gate refuses with */
    listOwn: async (ctx: SessionContext): Promise<LinkedIdentity[]> => {
      const rows = await db.execute<Gated & IdentityRow>(
        ctx,
        sql`
          with ${gate.own(ctx)}
          select gate.refusal, identities.id, identities.issuer, identities.created_at, identities.last_used_at
          from gate left join identities on gate.refusal is null and identities.user_id = gate.user_id
          order by identities.id`,
      );
      passed(rows[0]);
      return rows.flatMap(({ id, issuer, created_at, last_used_at }) =>
        id === null ? [] : [{ id, issuer, createdAt: created_at, lastUsedAt: last_used_at }],
      );
    },

    /**
     * Removes an identity of the actor's account, unless it is the last way to log in. The account's lock decides races.
     * @throws AppError what the gate refuses with, `not_found`, `conflict` for the last way to log in
     */
    unlink: async (ctx: SessionContext, id: string): Promise<void> => {
      const event = {
        id: newId(ctx.now),
        type: 'identity.unlinked',
        actor: sql`removed_identity.user_id`,
        subject: sql`removed_identity.user_id`,
        details: sql`jsonb_build_object('identity_ids', jsonb_build_array(removed_identity.id))`,
      } as const;
      const [, [verdict]] = (await db.transaction(ctx, [
        lockActor(gate, ctx),
        sql`
          with ${gate.own(ctx)}, verdict as (
            select gate.user_id, case
              when gate.refusal is not null then gate.refusal
              when not exists (
                select from identities where identities.id = ${id}::uuid and identities.user_id = gate.user_id
              ) then 'not_found'
              when not ${gate.hasWayIn(sql`users`, sql`${id}`)} then 'last_way_in' end as refusal
            from gate join users on users.id = gate.user_id
          ), removed_identity as (
            delete from identities using verdict
            where verdict.refusal is null and identities.id = ${id}::uuid
              and identities.user_id = verdict.user_id
            returning identities.id, identities.user_id
          ), audited as (
            ${insertAudit(ctx, event)} from removed_identity
          )
          select verdict.refusal from verdict`,
      ])) as [unknown, { refusal: Refusal }[]];
      passed(verdict);
    },
  };
};
