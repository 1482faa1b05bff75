import type { Metrics } from '../platform/rules/metrics.ts';
import type { ObserveCall } from '../platform/telemetry/instruments.ts';
import type { LoginGuard } from './rules/login-ledger.ts';

/** Puts a measure and a span around the calls of the guard. What they do, return and throw stays the same. */
export const instrumentLoginGuard = (
  { reserve, reserveCode, forgive }: LoginGuard,
  { metrics, called }: { readonly metrics: Metrics; readonly called: ObserveCall },
): LoginGuard => ({
  reserve: async (account, networks, isFamiliar) => {
    const decided = (decision: string) => metrics.count('itsor_login_guard_decisions_total', { decision });
    const attempt = await called('LoginGuard', 'reserve', () => reserve(account, networks, isFamiliar)).catch(
      (error: unknown) => {
        decided('unreachable');
        throw error;
      },
    );
    decided(attempt.admitted ? 'admitted' : 'locked');
    if (!attempt.admitted) return attempt;
    return {
      ...attempt,
      settle: (outcome) => {
        metrics.count('itsor_login_attempts_total', { outcome });
        return called('LoginGuard', 'settle', () => attempt.settle(outcome));
      },
    };
  },
  // No password is guessed, so the metrics of logins leave it out.
  reserveCode: async (email, networks) => {
    const attempt = await called('LoginGuard', 'reserve', () => reserveCode(email, networks));
    if (!attempt.admitted) return attempt;
    return {
      ...attempt,
      settle: (outcome) => called('LoginGuard', 'settle', () => attempt.settle(outcome)),
    };
  },
  forgive: (identifiers) => called('LoginGuard', 'forgive', () => forgive(identifiers)),
});
