import { createCountedAttempt } from '../../login-guard/rules/counted-attempt.ts';
import type { LoginGuard } from '../../login-guard/rules/login-ledger.ts';
import type { MailQueue } from '../../mail/rules/outbox.ts';
import { type RequestContext, withFacts } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { CodeLockRepository } from '../sql/code-locks.ts';

type Deps = {
  readonly guard: Pick<LoginGuard, 'reserveCode'>;
  readonly codeLocks: CodeLockRepository;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/** The request that began the lock may be over, by its time-out: what it has to record has a limit of its own. */
const recordLimitMs = 10_000;

const linkStillWorks =
  'Too many wrong codes. The link in the message still works, and codes do again when Retry-After is over.';

/** Runs a guess at a mailed code as one counted attempt. @throws AppError `login_locked`, `service_unavailable` */
export type GuessCode = <Outcome extends { readonly kind: string }>(
  ctx: RequestContext,
  email: string,
  guess: () => Promise<Outcome>,
) => Promise<Outcome>;

/**
 * Counts guesses for the address over every code that it is sent: a token takes five, and there is another token every
 * minute. An address without an account counts and is refused alike. When the lock of an address begins, its owner is
 * told, once.
 */
export const createGuessCode =
  ({ guard, codeLocks, mailQueue, newId }: Deps): GuessCode =>
  async (ctx, email, guess) => {
    let isAsked = false;
    const { reservation, settle, began } = createCountedAttempt(
      ctx,
      guard.reserveCode(email, ctx.networks),
      // The database may have judged the code and committed. A client can time its request so that it ends just then.
      () => (isAsked ? 'failed' : 'withdrawn'),
    );
    const recordLock = async () => {
      const lockedBy = await began;
      if (lockedBy === null) return;
      const outboxId = newId(ctx.now);
      const scope = withFacts(ctx, { signal: AbortSignal.timeout(recordLimitMs) });
      await codeLocks.record(scope, email, { lockedBy, outboxId });
      await mailQueue.enqueue([outboxId]);
    };
    ctx.defer('record a lock of codes', recordLock());
    try {
      const attempt = await reservation;
      if (!attempt.admitted) {
        const { retryAfterSeconds } = attempt;
        throw new AppError('login_locked', { detail: linkStillWorks, retryAfterSeconds });
      }
      isAsked = true;
      const outcome = await guess();
      settle(outcome.kind === 'void' ? 'failed' : 'succeeded');
      return outcome;
    } catch (error) {
      settle('withdrawn');
      throw error;
    }
  };
