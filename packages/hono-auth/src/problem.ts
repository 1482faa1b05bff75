import type { Context } from 'hono';
import type { Refusal } from './auth.ts';

/** `about:blank` as a type says that the title is that of the status (RFC 9457 section 4.2.1). */
const titles: Readonly<Record<Refusal['status'], string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

/** RFC 6750 section 3.1: an error code only for a token that was presented. */
const challengeOf = ({ challenge, code }: Refusal): string =>
  challenge === undefined ? 'Bearer' : `Bearer error="${challenge}", error_description="${code}"`;

/** A problem as Itsor answers it (RFC 9457). */
export const answerRefusal = (c: Context, refusal: Refusal): Response => {
  const { status, code, detail, challenge, retryAfterSeconds } = refusal;
  c.header('Cache-Control', 'no-store');
  if (status === 401 || challenge !== undefined) c.header('WWW-Authenticate', challengeOf(refusal));
  if (retryAfterSeconds !== undefined) c.header('Retry-After', String(Math.max(1, retryAfterSeconds)));
  const problem = { type: 'about:blank', title: titles[status], status, detail, code };
  return c.body(JSON.stringify(problem), status, { 'Content-Type': 'application/problem+json' });
};
