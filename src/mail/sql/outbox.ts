import { sql } from 'drizzle-orm';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { firstIdAt } from '../../platform/rules/uuid-v7.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { isFamiliarNetwork } from '../../sessions/sql/session-rows.ts';
import type { ClaimedMail, MailContent, OutboxMail } from '../rules/outbox.ts';
import {
  attemptDelaysSeconds,
  maxAttempts,
  retentionSeconds,
  type Settlement,
} from '../rules/outbox-schedule.ts';

export type OutboxScope = Pick<RequestContext, 'now' | 'signal'>;

const columns = sql`
  outbox.id, outbox.recipient, outbox.to_proved_address, outbox.template, outbox.details, outbox.created_at,
  outbox.sent_at, outbox.attempts, outbox.last_error`;
const unsettled = sql`sent_at is null and failed_at is null`;

/** The statements of the outbox. */
export const createOutboxSql = ({ db }: { readonly db: Database }) => ({
  /**
   * Begins an attempt. It moves the next attempt into the future, so that no other delivery begins until then: a
   * parallel claim waits for the lock of the row, and then the mail is no longer due.
   * @returns null for a mail that is sent, given up, gone, or not due
   */
  claim: async (scope: OutboxScope, id: string): Promise<ClaimedMail | null> => {
    const delays = `{${attemptDelaysSeconds.join()}}`;
    const [row] = await db.execute<OutboxRow & { is_from_familiar_network: boolean }>(
      scope,
      sql`
        update outbox set
          attempts = attempts + 1,
          next_attempt_at = ${scope.now}::timestamptz + (${delays}::int[])[attempts + 1] * interval '1 second'
        where id = ${id}::uuid and ${unsettled} and next_attempt_at <= ${scope.now} and attempts < ${maxAttempts}
        returning ${columns}, case when outbox.template = 'reset_password'
          then ${isFamiliarNetwork(sql`outbox.user_id`, sql`(outbox.details->>'ip')::inet`)}
          else false end as is_from_familiar_network`,
    );
    return row ? { ...toMail(row), isFromFamiliarNetwork: row.is_from_familiar_network } : null;
  },

  /** Ends an attempt. After its lease an attempt can still mark the mail as sent, and nothing else. */
  settle: async (
    scope: OutboxScope,
    { id, attempts }: Pick<OutboxMail, 'id' | 'attempts'>,
    settlement: Settlement,
  ): Promise<void> => {
    const current = sql`id = ${id}::uuid and ${unsettled} and attempts = ${attempts}`;
    switch (settlement.kind) {
      case 'sent':
        await db.execute(
          scope,
          sql`
            update outbox set sent_at = ${scope.now}, failed_at = null, last_error = null
            where id = ${id}::uuid and sent_at is null`,
          // If this outcome were lost, the mail would go out again.
          { idempotent: true },
        );
        return;
      case 'postponed':
      case 'again':
        await db.execute(
          scope,
          sql`
            update outbox set
              attempts = attempts - ${settlement.kind === 'postponed' ? 1 : 0},
              next_attempt_at = ${secondsAfter(scope.now, settlement.afterSeconds)},
              last_error = ${settlement.reason}
            where ${current}`,
        );
        return;
      case 'held_back':
      case 'failed':
        await db.execute(
          scope,
          sql`
            update outbox set failed_at = ${scope.now}, last_error = ${settlement.reason}
            where ${current}`,
        );
    }
  },

  /** The ids of mails that are due, the longest overdue first. */
  due: async (scope: OutboxScope, limit: number): Promise<string[]> => {
    const rows = await db.execute<{ id: string }>(
      scope,
      sql`
        select id from outbox
        where ${unsettled} and next_attempt_at <= ${scope.now} and attempts < ${maxAttempts}
        order by next_attempt_at limit ${limit}`,
    );
    return rows.map(({ id }) => id);
  },

  /**
   * Gives up the mails whose last attempt ended without an outcome, and deletes mails that were settled a month ago: an
   * address is kept no longer than it is needed.
   * @returns the ids of the mails given up
   */
  tidy: async (scope: OutboxScope): Promise<string[]> => {
    const rows = await db.execute<{ id: string }>(
      scope,
      sql`
        with deleted_mail as (
          delete from outbox
          where id < ${firstIdAt(secondsAfter(scope.now, -retentionSeconds))}::uuid
            and (sent_at is not null or failed_at is not null)
        )
        update outbox set failed_at = ${scope.now}, last_error = coalesce(last_error, 'abandoned')
        where ${unsettled} and next_attempt_at <= ${scope.now} and attempts >= ${maxAttempts}
        returning id`,
    );
    return rows.map(({ id }) => id);
  },

  /** The mails that were sent last, newest first. */
  recent: async (
    scope: OutboxScope,
    limit: number,
    { to, after }: { readonly to: string | null; readonly after: Date | null },
  ): Promise<OutboxMail[]> => {
    const rows = await db.execute<OutboxRow>(
      scope,
      sql`
        select ${columns} from outbox where sent_at <= ${scope.now}
          and sent_at > coalesce(${after}::timestamptz, '-infinity') and recipient = coalesce(${to}::text, recipient)
        order by sent_at desc, id desc limit ${limit}`,
    );
    return rows.map(toMail);
  },
});

type OutboxRow = {
  id: string;
  recipient: string;
  to_proved_address: boolean;
  template: string;
  details: unknown;
  created_at: Date;
  sent_at: Date | null;
  attempts: number;
  last_error: string | null;
};

const toMail = (row: OutboxRow): OutboxMail => ({
  id: row.id,
  recipient: row.recipient,
  toProvedAddress: row.to_proved_address,
  // Our own statements have written the template and its details together.
  ...({ template: row.template, details: row.details } as MailContent),
  createdAt: row.created_at,
  sentAt: row.sent_at,
  attempts: row.attempts,
  lastError: row.last_error,
});
