import type { Presented } from '../../platform/http/identify.ts';
import { doneAt } from '../../platform/pages/notices.ts';
import type { Verified } from '../service/verify.ts';

/**
 * Where the proof of an address leads: to the account, or to the form for its password. A browser without a session of the
 * account is told how to shut out a stranger who has signed up; the page of another account has no link to that.
 */
export const afterProof = (verified: Verified, presented: Presented): string => {
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
