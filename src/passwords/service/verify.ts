import { parseIdentifier } from '../../accounts/rules/account.ts';
import type { AccountRepository } from '../../accounts/sql/accounts.ts';
import type { Audit } from '../../audit/service.ts';
import { createCountedAttempt } from '../../login-guard/rules/counted-attempt.ts';
import type { LoginGuard, Standing } from '../../login-guard/rules/login-ledger.ts';
import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { hashCaller } from '../rules/hash-lane.ts';
import type { PasswordHasher } from '../rules/password-hasher.ts';

/**
 * Compares a password with that of what `lookUp` finds, as one attempt that the login guard counts.
 * @throws AppError `login_locked`, `overloaded`, `timeout`, `service_unavailable`, and what `lookUp` throws
 */
export type VerifyPassword = <
  Found extends { readonly userId: string; readonly email: string; readonly passwordHash: string | null },
>(
  ctx: RequestContext,
  identifier: string,
  password: string,
  lookUp: Promise<Found | null>,
) => Promise<
  { readonly valid: true; readonly outdated: boolean; readonly found: Found } | { readonly valid: false }
>;

type Deps = {
  readonly accounts: Pick<AccountRepository, 'isFamiliarNetwork'>;
  readonly guard: Pick<LoginGuard, 'reserve'>;
  readonly hasher: Pick<PasswordHasher, 'verify'>;
  readonly audit: Pick<Audit, 'recordFailedLogin'>;
};

const settledValue = <T>(settled: PromiseSettledResult<T>): T => {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
};

/**
 * Compares a password as one counted attempt. The attempt is reserved before the hash, so that parallel guesses
 * cannot outrun the count. It counts for the address of the account, so that its user name buys no further guesses: an
 * address is known at once and is reserved beside the look-up, of a user name the look-up tells it. An account
 * that was not found costs the same work (OWASP ASVS 5.0, 6.3.8).
 */
export const createVerifyPassword =
  ({ accounts, guard, hasher, audit }: Deps): VerifyPassword =>
  async (ctx, identifier, password, lookUp) => {
    const { actor } = ctx;
    const caller = actor ? hashCaller(ctx, 'session', actor.userId) : hashCaller(ctx, 'login', identifier);
    const addressOf = async (): Promise<string> =>
      'email' in parseIdentifier(identifier) ? identifier : ((await lookUp)?.email ?? identifier);
    // Asked alike for an account and for none.
    const standingOf = async (account: string): Promise<Standing | null> => {
      if (actor !== null) return 'session';
      return (await accounts.isFamiliarNetwork(ctx, account)) ? 'familiar' : null;
    };
    const { reservation, settle, began } = createCountedAttempt(
      ctx,
      addressOf().then((account) => guard.reserve(account, ctx.networks, () => standingOf(account))),
    );
    try {
      const [looked, reserved] = await Promise.allSettled([lookUp, reservation]);
      const attempt = settledValue(reserved);
      if (!attempt.admitted) {
        throw new AppError('login_locked', { retryAfterSeconds: attempt.retryAfterSeconds });
      }
      const found = settledValue(looked);
      const { valid, outdated } = await hasher.verify(password, found?.passwordHash ?? null, caller);
      settle(valid ? 'succeeded' : 'failed');
      if (valid && found) return { valid: true, outdated, found };
      // For an account and for none alike, and not before the answer: its time would tell them apart.
      const record = async () =>
        audit.recordFailedLogin(ctx, { subjectId: found?.userId ?? null, lockedBy: await began });
      ctx.defer('record a failed login', record());
      return { valid: false };
    } catch (error) {
      settle('withdrawn');
      throw error;
    }
  };
