import type { LoginGuard, LoginPolicy } from '../domain/login-ledger.ts';
import type { LoginGuard as LoginGuardObject } from '../durable-objects/login-guard.ts';
import { AppError } from '../errors.ts';

// At least as coarse as the lookup of accounts, or another spelling would buy more attempts.
const normalize = (identifier: string): string => identifier.normalize('NFKC').trim().toLowerCase();

// A name stays readable in its object and in the dashboard, so no e-mail address becomes one.
const pseudonym = async (identifier: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(normalize(identifier)));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
};

// A login that cannot be counted is refused: else an outage would be the time to guess in.
const unreachable = (cause: unknown): never => {
  throw new AppError('service_unavailable', { retryAfterSeconds: 1, cause });
};

/** One Durable Object call to reserve, one to settle, one for each identifier that is forgiven. */
export const createLoginGuard = (
  namespace: DurableObjectNamespace<LoginGuardObject>,
  policy: LoginPolicy,
): LoginGuard => {
  const objectOf = async (identifier: string) =>
    namespace.getByName(`identifier|${await pseudonym(identifier)}`);

  return {
    reserve: async (identifier, ip) => {
      const address = ip ?? 'unknown';
      const object = await objectOf(identifier);
      const reply = await object.reserve(address, policy).catch(unreachable);
      if (!reply.admitted) {
        return { admitted: false, retryAfterSeconds: Math.max(1, Math.ceil(reply.retryAfterMs / 1000)) };
      }
      const { ticket } = reply;
      return { admitted: true, settle: (outcome) => object.settle(ticket, address, outcome, policy) };
    },

    forgive: async (identifiers) => {
      await Promise.all(identifiers.map(async (identifier) => (await objectOf(identifier)).forgive()));
    },
  };
};
