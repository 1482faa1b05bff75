import { type SQL, sql } from 'drizzle-orm';
import { lockAccountOfIdentity, lockActor, lockIdentity } from '../../accounts/sql/account-lock.ts';
import { toAccount } from '../../accounts/sql/account-rows.ts';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import { isReserved } from '../../emails/sql/undo-tokens.ts';
import { askedTokenDetails, insertMail, type MailedToken, mailToken } from '../../mail/sql/mail-rows.ts';
import type { RequestContext, SessionContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { violatedUnique } from '../../platform/db/errors.ts';
import { AppError } from '../../platform/errors.ts';
import type { Refusal } from '../../platform/refusals.ts';
import type { NewSession, OpenSession, SessionRefusal } from '../../sessions/rules/session.ts';
import { type Gate, type Gated, refusalOf } from '../../sessions/sql/gate.ts';
import { type OpenedRow, openSession } from '../../sessions/sql/session-opening.ts';
import type { LinkedIdentity, ProvidedIdentity } from '../rules/identity.ts';

export type SignOn = {
  readonly identity: ProvidedIdentity;
  readonly provider: { readonly id: string; readonly name: string };
  readonly session: NewSession;
  /** For an account whose address the provider does not vouch for; null where none is verified. */
  readonly verification: MailedToken | null;
  /** Of the mail about a new device, and of the one about what was linked. */
  readonly deviceMailId: string;
  readonly noticeId: string;
};

/** What was decided of an identity. All but the first three open no session. */
export type Decision =
  | 'known'
  | 'created'
  | 'linked'
  | 'account_disabled'
  | 'email_not_verified'
  | 'no_email'
  /** Addresses have to be proved, and the provider does not say that this one is theirs. */
  | 'not_trusted'
  /** There is an account with the address, and the provider does not say that it is theirs. */
  | 'not_vouched'
  /** There is an account with the address, and nobody has proved that it is theirs. */
  | 'not_proved'
  /** The address is kept for an account that has left it. */
  | 'reserved';

export type SignedOn = {
  readonly kind: Decision;
  readonly opened: (OpenSession & { readonly isNewDevice: boolean }) | null;
  readonly isMailed: boolean;
};

type DecisionRow = { kind: Decision | 'raced'; mailed: boolean };

type Options = { readonly newId: (now: Date) => string; readonly gate: Gate; readonly verifiedOnly: boolean };

export type IdentityRepository = ReturnType<typeof createIdentityRepository>;

/** The identity by what the provider says. */
const is = (identity: SQL, { issuer, subject }: ProvidedIdentity): SQL =>
  sql`${identity}.issuer = ${issuer} and ${identity}.subject = ${subject}`;

export const createIdentityRepository = (db: Database, { newId, gate, verifiedOnly }: Options) => {
  /**
   * Decides what an identity is to us, and writes what follows. Known: its account. Unknown: the account of its
   * address, if that is proved on both sides; a new one, if there is none; else nothing, and whoever has the address
   * is told how to go on (docs/adr/0014).
   */
  const decide = (ctx: RequestContext, { identity, provider, verification, noticeId }: SignOn): SQL => {
    const { now } = ctx;
    const { issuer, subject, email, emailVerified } = identity;
    const vouched = sql`${emailVerified}::boolean`;
    // Where addresses have to be proved: an identity that were kept before the proof would be tied to an address that
    // may be another's, or mistyped.
    const untrusted = sql`${verifiedOnly && !emailVerified}::boolean`;
    const reserved = isReserved(ctx, sql`${email}::text`);
    const details = sql`jsonb_build_object('provider', ${provider.id}::text)`;
    const where = sql`jsonb_build_object('provider', ${provider.name}::text, 'ip', ${ctx.ip}::text, 'user_agent', ${ctx.userAgent}::text)`;
    const proof = verification && {
      purpose: 'verify_email' as const,
      template: 'verify_email' as const,
      token: verification,
      from: sql`select u.id as user_id, u.email from u where not ${vouched}`,
      details: askedTokenDetails(ctx, verification.tokenId),
    };
    return sql`
      with known as (
        select i.id, i.user_id, case
          when u.disabled_at is not null then 'account_disabled'
          when ${verifiedOnly}::boolean and u.email_verified_at is null then 'email_not_verified'
          else 'known' end as kind
        from identities i join users u on u.id = i.user_id where ${is(sql`i`, identity)}
      ), owner as (
        select o.id, o.email, o.disabled_at is not null as disabled, o.email_verified_at is not null as proved
        from users o where o.email = ${email}::text and not exists (select from known)
        -- Looks again at an account that is moving to another address at this moment.
        for no key update of o
      ), linked as (
        select owner.id as user_id, owner.email as recipient from owner
        where owner.proved and not owner.disabled and ${vouched}
      ), u as (
        insert into users (id, email, email_verified_at, verification_sent_at, created_at, updated_at)
        select ${newId(now)}::uuid, ${email}::text, case when ${vouched} then ${now}::timestamptz end,
               case when not ${vouched} then ${verification && now}::timestamptz end, ${now}::timestamptz, ${now}::timestamptz
        where ${email}::text is not null and not ${untrusted} and not exists (select from known) and not exists (select from owner)
          and not ${reserved}
        on conflict (email) do nothing
        returning id, email
      ), granted as (
        insert into user_roles (user_id, role_name) select u.id, 'user' from u
      ), held as (
        insert into identities (id, user_id, issuer, subject, vouched, email, created_at, last_used_at)
        select ${newId(now)}::uuid, h.user_id, ${issuer}::text, ${subject}::text, ${vouched}, ${email}::text, ${now}::timestamptz, ${now}::timestamptz
        from (select linked.user_id from linked union all select u.id from u) h
        returning user_id
      ), used as (
        update identities i set last_used_at = ${now} from known where i.id = known.id and known.kind = 'known'
      ), told as (
        ${insertMail(ctx, 'identity_linked', noticeId, sql`select linked.user_id, linked.recipient from linked`, where)}
      )${proof ? sql`, ${mailToken(ctx, proof)}` : sql``}, audited_account as (
        ${insertAudit(ctx, { id: newId(now), type: 'account.signed_up', actor: sql`u.id`, subject: sql`u.id`, details })} from u
      ), audited_identity as (
        ${insertAudit(ctx, { id: newId(now), type: 'identity.linked', actor: sql`held.user_id`, subject: sql`held.user_id`, details })} from held
      ), audited_refusal as (
        ${insertAudit(ctx, { id: newId(now), type: 'identity.refused', actor: noOne, subject: sql`owner.id`, details })} from owner
        where not exists (select from linked)
      )
      select case
        when exists (select from known) then (select known.kind from known)
        when ${email}::text is null then 'no_email'
        -- Whether or not there is an account, so that nobody learns who has one.
        when ${untrusted} then 'not_trusted'
        when exists (select from u) then 'created'
        when exists (select from linked) then 'linked'
        when not exists (select from owner) and not ${reserved} then 'raced'
        when not ${vouched} then 'not_vouched'
        when not exists (select from owner) then 'reserved'
        when (select owner.disabled from owner) then 'account_disabled'
        else 'not_proved' end as kind,
        exists (select from told) ${proof ? sql`or exists (select from mailed)` : sql``} as mailed`;
  };

  /** One transaction, each statement of which sees what the one before it has left; so one round trip. */
  const attempt = async (ctx: RequestContext, signOn: SignOn) => {
    const { identity, provider, session, deviceMailId } = signOn;
    // Only an identity that the decision has written, new or used, opens a session: not one that another turn has made since.
    const decided = sql`u.id = (
      select i.user_id from identities i where ${is(sql`i`, identity)} and i.xmin = pg_current_xact_id()::xid)`;
    const [, , [decision], [row]] = (await db.transaction(ctx, [
      lockIdentity(identity),
      lockAccountOfIdentity(identity),
      decide(ctx, signOn),
      openSession(ctx, decided, {
        session,
        outboxId: deviceMailId,
        eventId: newId(ctx.now),
        details: sql`jsonb_build_object('provider', ${provider.id}::text)`,
      }),
    ])) as [unknown, unknown, DecisionRow[], OpenedRow[]];
    if (!decision) throw new Error('a decision returned no row');
    return { decision, row };
  };

  return {
    /**
     * Logs in whom a provider has identified. Of two that bring the same new identity, or the same new address, one
     * makes the account and the other one finds it. A sign-up takes no such turns: where it takes the address at the same
     * moment, by the unique constraint, its account is found at the second look.
     */
    signOn: async (ctx: RequestContext, signOn: SignOn): Promise<SignedOn> => {
      for (let turn = 0; turn < 2; turn++) {
        const tried = await attempt(ctx, signOn).catch((error: unknown) => {
          if (violatedUnique(error) === 'identities_issuer_subject_unique') return null;
          throw error;
        });
        if (!tried || tried.decision.kind === 'raced') continue;
        const { decision, row } = tried;
        return {
          kind: decision.kind as Decision,
          opened: row
            ? { session: signOn.session, account: toAccount(row), isNewDevice: row.is_new_device }
            : null,
          isMailed: decision.mailed,
        };
      }
      throw new AppError('conflict');
    },

    /** The actor's identities, oldest first: as many as there are providers, or were. */
    listOwn: async (
      ctx: SessionContext,
    ): Promise<{ refusal: SessionRefusal; identities: LinkedIdentity[] }> => {
      const rows = await db.execute<Gated & IdentityRow>(
        ctx,
        sql`
          with ${gate.own(ctx)}
          select gate.refusal, i.id, i.issuer, i.created_at, i.last_used_at
          from gate left join identities i on gate.refusal is null and i.user_id = gate.user_id
          order by i.id`,
      );
      const identities = rows.flatMap(({ id, issuer, created_at, last_used_at }) =>
        id === null ? [] : [{ id, issuer, createdAt: created_at, lastUsedAt: last_used_at }],
      );
      return { refusal: refusalOf(rows[0]), identities };
    },

    /** Takes an identity from the actor's account, unless nothing else opens it; the account's lock decides races. */
    unlink: async (ctx: SessionContext, id: string): Promise<Refusal> => {
      const event = {
        id: newId(ctx.now),
        type: 'identity.unlinked',
        actor: sql`gone.user_id`,
        subject: sql`gone.user_id`,
        details: sql`jsonb_build_object('identity_ids', jsonb_build_array(gone.id))`,
      } as const;
      const [, [verdict]] = (await db.transaction(ctx, [
        lockActor(gate, ctx),
        sql`
          with ${gate.own(ctx)}, verdict as (
            select gate.user_id, case
              when gate.refusal is not null then gate.refusal
              when not exists (select from identities i where i.id = ${id}::uuid and i.user_id = gate.user_id) then 'not_found'
              when not ${gate.hasWayIn(sql`u`, sql`${id}`)} then 'last_way_in' end as refusal
            from gate join users u on u.id = gate.user_id
          ), gone as (
            delete from identities i using verdict
            where verdict.refusal is null and i.id = ${id}::uuid and i.user_id = verdict.user_id
            returning i.id, i.user_id
          ), audited as (
            ${insertAudit(ctx, event)} from gone
          )
          select verdict.refusal from verdict`,
      ])) as [unknown, { refusal: Refusal }[]];
      return refusalOf(verdict);
    },
  };
};

type IdentityRow =
  | { id: string; issuer: string; created_at: Date; last_used_at: Date }
  | { id: null; issuer: null; created_at: null; last_used_at: null };
