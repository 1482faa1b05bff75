import type { DeliveryOutcome, Mailer, MailMessage } from '../rules/mail.ts';
import { parseMailbox } from './mime.ts';

/** One way to send a mail. It may throw and may hang; `signal` asks it to release what it holds. */
export type Transport = (message: MailMessage, signal: AbortSignal) => Promise<DeliveryOutcome>;

/** A line end would start another header, and after an SMTP command another command. */
const flaw = ({ id, to, subject }: MailMessage): string | null => {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(id)) return 'invalid id';
  if (!parseMailbox(to)) return 'invalid recipient';
  if (/\p{Cc}/u.test(subject)) return 'invalid subject';
  return null;
};

/** A mailer that passes only safe messages to its transport and gives an outcome within `timeoutMs`. */
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

    // A transport may wait for something that no signal can abort, so the deadline also races it.
    const { promise: deadline, resolve } = Promise.withResolvers<DeliveryOutcome>();
    either.addEventListener('abort', () => resolve(ranOut()), { once: true });
    return Promise.race([deadline, transport(message, either)]).catch((error: unknown) => {
      if (either.aborted) return ranOut();
      const name = error instanceof Error ? error.name : typeof error;
      return { kind: 'retry', reason: `unexpected ${name}` };
    });
  },
});

/** What a transport over HTTP needs. */
export type HttpClient = { readonly clock: () => Date; readonly fetch: typeof globalThis.fetch };

/** The answer of a provider's HTTP API. */
export type ProviderAnswer = {
  readonly status: number;
  readonly headers: Headers;
  /** Null where the body was not JSON. */
  readonly body: unknown;
  /**
   * From Retry-After (RFC 9110 section 10.2.3), at most a day; empty where the header is missing or past. A 429 without
   * it asks for a second.
   */
  readonly retryAfter: { readonly retryAfterSeconds?: number };
};

const maxRetryAfterSeconds = 86_400;

const readRetryAfter = ({ status, headers }: Response, now: Date): ProviderAnswer['retryAfter'] => {
  const given = headers.get('Retry-After') ?? '';
  const seconds = /^\d+$/.test(given) ? Number(given) : Math.ceil((Date.parse(given) - now.getTime()) / 1000);
  if (seconds >= 0) return { retryAfterSeconds: Math.min(seconds, maxRetryAfterSeconds) };
  return status === 429 ? { retryAfterSeconds: 1 } : {};
};

/** Calls a provider's HTTP API. A connection that is refused, cut off or aborted is a `retry`. */
export const askProvider = async (
  { clock, fetch }: HttpClient,
  request: Request,
  outcomeOf: (answer: ProviderAnswer) => DeliveryOutcome,
): Promise<DeliveryOutcome> => {
  const response = await fetch(request).catch(() => null);
  if (!response) return { kind: 'retry', reason: 'connection failed' };
  const { status, headers } = response;
  const body: unknown = await response.json().catch(() => null);
  return outcomeOf({ status, headers, body, retryAfter: readRetryAfter(response, clock()) });
};
