import type { Context } from 'hono';
import type { AppEnv, Presented } from '../platform/http/app-env.ts';
import { readSingleCookie } from '../platform/http/cookies.ts';
import type { Web } from '../platform/http/route.ts';
import { doneAt } from '../platform/pages/notices.ts';
import { setSignUpCookie } from '../sessions/http.ts';
import type { EmailProof, Emails, Verified } from './service.ts';

/**
 * Proves an address with the session of the request, and with the sign-up that the client has sent or its cookie keeps.
 * The cookie is cleared afterwards, but a link that was used before does not end another sign-up.
 * @throws AppError what `verify` throws, and `duplicate_cookie`
 */
export const createProveAddress =
  ({ verify }: Pick<Emails, 'verify'>, { config: { cookies, jwt }, identify }: Web) =>
  async (c: Context<AppEnv>, proof: EmailProof, given?: string): Promise<Verified> => {
    const cookie = jwt.locations.cookie ? readSingleCookie(c, cookies.signUpName) : null;
    const presented = await identify(c);
    const sessionId = presented.kind === 'valid' ? presented.claims.sessionId : null;
    const verified = await verify(c.var.ctx, proof, { signUpAttempt: given ?? cookie, sessionId });
    const isOver = !verified.isRepeat || verified.kind === 'claimed';
    if (cookie !== null && isOver) setSignUpCookie(c, cookies, null);
    return verified;
  };

/**
 * The page after the proof of an address: the account, or the form for its password. A browser without a session of the
 * account is told how to shut out a stranger who signed up with the address; a browser that is logged in to another
 * account has no link to that.
 */
export const placeAfterProof = (verified: Verified, presented: Presented): string => {
  if (verified.kind === 'password_required') {
    return `${doneAt('/reset-password', 'choose-password')}&token=${verified.resetToken}`;
  }
  const userId = presented.kind === 'valid' ? presented.claims.userId : null;
  const isOwn = verified.kind === 'claimed' || verified.userId === userId;
  if (verified.kind === 'moved')
    return doneAt('/account', isOwn ? 'email-changed' : 'email-changed-elsewhere');
  if (isOwn) return doneAt('/account', 'email-verified');
  return doneAt(userId === null ? '/account' : '/forgot-password', 'email-verified-elsewhere');
};
