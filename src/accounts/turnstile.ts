import * as z from 'zod';
import type { Config } from '../platform/config/schema.ts';
import type { Secret } from '../platform/config/secret.ts';
import type { ChallengedRoute } from '../platform/config/values.ts';
import type { RequestContext } from '../platform/context.ts';
import { AppError } from '../platform/errors.ts';
import { tokenMissing } from './rules/challenge.ts';

const siteverifyUrl = 'https://challenges.cloudflare.com/turnstile/v0/siteverify';

/** Codes about our request or about siteverify itself; every other code is about the token. */
const outages: ReadonlySet<string> = new Set([
  'missing-input-secret',
  'invalid-input-secret',
  'bad-request',
  'internal-error',
]);

const Verdict = z.object({ success: z.boolean(), 'error-codes': z.array(z.string()).default([]) });

type Options = {
  readonly secretKey: Secret;
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs?: number;
};

/** @throws AppError `turnstile_failed`; `service_unavailable` without a verdict; `timeout` with its request */
export type CheckTurnstile = (
  ctx: Pick<RequestContext, 'ip' | 'signal'>,
  token: string | null,
) => Promise<void>;

/** The check of each route that needs a token. */
export type Challenges = { readonly [Route in ChallengedRoute]?: CheckTurnstile };

/**
 * Asks Cloudflare whether a Turnstile token stands for a passed challenge; each token works once.
 * The hostname and action of the verdict are not compared, because the widget's settings bind it to hostnames.
 * @throws AppError `turnstile_failed`; `service_unavailable` without a verdict; `timeout` with its request
 * @see https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
 */
export const createTurnstile = ({ secretKey, fetch, timeoutMs = 3_000 }: Options): CheckTurnstile => {
  const ask = async (body: string, signal: AbortSignal): Promise<boolean> => {
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(siteverifyUrl, { method: 'POST', headers, body, signal });
    const answer = Verdict.safeParse(await response.json().catch(() => null));
    // The answer might quote the token, so errors do not quote the answer.
    if (!response.ok || !answer.success)
      throw new Error(`siteverify answered ${response.status} without a verdict`);
    const outage = answer.data['error-codes'].find((code) => outages.has(code));
    if (outage) throw new Error(`siteverify answered ${outage}`);
    return answer.data.success;
  };

  return async ({ ip, signal }, token) => {
    if (!token) throw new AppError('turnstile_failed', tokenMissing);
    const body = JSON.stringify({
      secret: secretKey.reveal(),
      response: token,
      ...(ip !== null && { remoteip: ip }),
      idempotency_key: crypto.randomUUID(),
    });
    const either = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    // One retry with the same key: if only the answer was lost, the token is spent and needs its key to pass again.
    const passed = await ask(body, either)
      .catch((error: unknown) => (either.aborted ? Promise.reject(error) : ask(body, either)))
      .catch((cause: unknown) => {
        if (signal.aborted) throw new AppError('timeout', { cause: signal.reason });
        throw new AppError('service_unavailable', { retryAfterSeconds: 1, cause });
      });
    if (!passed) throw new AppError('turnstile_failed');
  };
};

/** The checks that the configuration asks for; none without Turnstile. */
export const createChallenges = (
  turnstile: Config['turnstile'],
  fetch: typeof globalThis.fetch,
): Challenges => {
  if (!turnstile) return {};
  const check = createTurnstile({ ...turnstile, fetch });
  return Object.fromEntries(turnstile.routes.map((route) => [route, check]));
};
