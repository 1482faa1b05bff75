import { sql } from 'drizzle-orm';
import { insertAudit, noOne } from '../../audit/sql/audit-rows.ts';
import type { LockedBy } from '../../login-guard/rules/login-ledger.ts';
import { insertMail, originDetails } from '../../mail/sql/mail-rows.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';

type Options = { readonly newId: (now: Date) => string };

export type CodeLockRepository = ReturnType<typeof createCodeLockRepository>;

export const createCodeLockRepository = (db: Database, { newId }: Options) => ({
  /**
   * Records that codes are refused for an address. Where it is locked for everybody and an account waits for its proof,
   * the mailbox is told: the lock begins once, and so there is one mail for it.
   */
  record: async (
    ctx: RequestContext,
    email: string,
    { lockedBy, outboxId }: { lockedBy: LockedBy; outboxId: string },
  ): Promise<void> => {
    const event = {
      id: newId(ctx.now),
      type: 'email.code_locked',
      actor: noOne,
      subject: sql`o.id`,
      details: sql`jsonb_build_object('by', ${lockedBy}::text)`,
    } as const;
    const told = sql`
      select o.id as user_id, o.email as recipient from o
      where ${lockedBy === 'identifier'}::boolean and o.email_verified_at is null and o.disabled_at is null`;
    await db.execute(
      ctx,
      sql`
        with o as (
          select u.id, u.email, u.email_verified_at, u.disabled_at from users u where u.email = ${email}
        ), told as (
          ${insertMail(ctx, 'codes_locked', outboxId, told, originDetails(ctx))}
        )
        ${insertAudit(ctx, event)} from (select 1) always left join o on true`,
    );
  },
});
