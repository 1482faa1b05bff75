import type { LoginName } from '../../accounts/rules/account.ts';
import { tokenMissing } from '../../accounts/rules/challenge.ts';
import type { Container } from '../../container.ts';
import { createCountedAttempt } from '../../login-guard/rules/counted-attempt.ts';
import type { LockedBy, Standing } from '../../login-guard/rules/login-ledger.ts';
import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { hashCaller } from '../rules/hash-lane.ts';

type Parts = Pick<Container, 'guard' | 'hasher'> & {
  readonly isFamiliarNetwork: (ctx: RequestContext, account: LoginName) => Promise<boolean>;
  readonly recordFailedLogin: (
    ctx: RequestContext,
    failure: { subjectId: string | null; lockedBy: LockedBy | null },
  ) => Promise<void>;
};

/** The challenge that an attempt may need after failures; null where it never needs one. */
export type AttemptChallenge = {
  readonly check: NonNullable<Container['challenges']['login']>;
  readonly token: string | null;
} | null;

type Candidate = { readonly userId: string; readonly email: string; readonly passwordHash: string | null };

const settledValue = <T>(settled: PromiseSettledResult<T>): T => {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
};

/**
 * Compares a password with that of the account that `lookUp` finds, as one attempt that the login guard counts. The
 * attempt is reserved before the hash, so that parallel guesses cannot outrun the count. It counts for the address of
 * the account, so that its user name allows no further guesses. A missing account costs the same work (OWASP ASVS
 * 5.0, 6.3.8). A token is verified only after failures, and before the hash; without a good one nothing is counted,
 * because no password was compared.
 * @returns the account, with `outdated` where its hash has other parameters than today's; null for a wrong password
 * @throws AppError `login_locked`, `turnstile_failed`, `overloaded`, `timeout`, `service_unavailable`, and what
 *   `lookUp` throws
 */
export const createComparePassword =
  ({ guard, hasher, isFamiliarNetwork, recordFailedLogin }: Parts) =>
  async <Found extends Candidate>(
    ctx: RequestContext,
    name: LoginName,
    password: string,
    lookUp: Promise<Found | null>,
    challenge: AttemptChallenge = null,
  ): Promise<(Found & { readonly outdated: boolean }) | null> => {
    const { actor } = ctx;
    const caller = actor ? hashCaller(ctx, 'session', actor.userId) : hashCaller(ctx, 'login', name.value);
    // An address is known at once, and is reserved beside the look-up; a user name has to wait for the look-up.
    const addressOf = async (): Promise<LoginName> => {
      if (name.kind === 'email') return name;
      const account = await lookUp;
      return account ? { kind: 'email', value: account.email } : name;
    };
    // Missing accounts are asked about too, so that the time does not tell which accounts exist.
    const standingOf = async (account: LoginName): Promise<Standing | null> => {
      if (actor !== null) return 'session';
      return (await isFamiliarNetwork(ctx, account)) ? 'familiar' : null;
    };
    const brought = challenge && (challenge.token ? 'offered' : 'missing');
    const { reservation, settle, began } = createCountedAttempt(
      ctx,
      addressOf().then((account) => guard.reserve(account, ctx.networks, () => standingOf(account), brought)),
    );
    try {
      const [looked, reserved] = await Promise.allSettled([lookUp, reservation]);
      const attempt = settledValue(reserved);
      if (!attempt.admitted) {
        if (attempt.isChallenged) throw new AppError('turnstile_failed', tokenMissing);
        throw new AppError('login_locked', { retryAfterSeconds: attempt.retryAfterSeconds });
      }
      const found = settledValue(looked);
      if (attempt.isDoubtful) await challenge?.check(ctx, challenge.token);
      const { valid, outdated } = await hasher.verify(password, found?.passwordHash ?? null, caller);
      settle(valid ? 'succeeded' : 'failed');
      if (valid && found) return { ...found, outdated };
      // After the answer, and for missing accounts too: otherwise the time would tell which accounts exist.
      const record = async () =>
        recordFailedLogin(ctx, { subjectId: found?.userId ?? null, lockedBy: await began });
      ctx.defer('record a failed login', record());
      return null;
    } catch (error) {
      settle('withdrawn');
      throw error;
    }
  };
