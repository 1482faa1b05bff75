import { doneAt } from '../pages/notices.ts';
import type { Verified } from '../services/email/verify.ts';

/** Where the proof of an address leads: to the account, or to the form for its password. */
export const afterProof = (verified: Verified): string => {
  if (verified.kind === 'verified') return doneAt('/account', 'email-verified');
  const page = doneAt('/reset-password', verified.proved ? 'choose-password' : 'take-over');
  return `${page}&token=${verified.resetToken}`;
};
