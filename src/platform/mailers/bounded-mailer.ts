import type { DeliveryOutcome, Mailer, MailMessage } from '../rules/mail.ts';
import { parseMailbox } from './mailbox.ts';

/** One way to send. It may throw and may hang; `signal` asks it to let go of what it holds. */
export type Transport = (message: MailMessage, signal: AbortSignal) => Promise<DeliveryOutcome>;

/** What a transport over HTTP needs of its surroundings. */
export type Outside = { readonly clock: () => Date; readonly fetch: typeof globalThis.fetch };

/** A line end would start another header, and after an SMTP command another command. */
const flaw = ({ id, to, subject }: MailMessage): string | null => {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(id)) return 'invalid id';
  if (!parseMailbox(to)) return 'invalid recipient';
  if (/\p{Cc}/u.test(subject)) return 'invalid subject';
  return null;
};

/** What every transport has in common: nothing unsafe goes in, and an outcome comes out in time. */
export const createBoundedMailer = (transport: Transport, timeoutMs: number): Mailer => ({
  send: async (message, signal) => {
    const reason = flaw(message);
    if (reason) return { kind: 'refused', reason };

    const either = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const ranOut = (): DeliveryOutcome => ({
      kind: 'retry',
      reason: signal.aborted ? 'cancelled' : 'timeout',
    });
    if (either.aborted) return ranOut();

    // Not every wait of a transport can be aborted, so the clock is raced as well as passed on.
    const { promise: deadline, resolve } = Promise.withResolvers<DeliveryOutcome>();
    either.addEventListener('abort', () => resolve(ranOut()), { once: true });
    return Promise.race([deadline, transport(message, either)]).catch((error: unknown) => {
      if (either.aborted) return ranOut();
      const name = error instanceof Error ? error.name : typeof error;
      return { kind: 'retry', reason: `unexpected ${name}` };
    });
  },
});
