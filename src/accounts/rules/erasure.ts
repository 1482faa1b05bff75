import { secondsAfter } from '../../sessions/rules/session.ts';

/** How long after a deletion a request that was already running may still write something about the account. */
export const settlingSeconds = 120;

/** When a deleted account is to be looked at again: the rest of its data goes, with its files and its last mails. */
export const erasureOf = (id: string, now: Date): { readonly id: string; readonly at: Date } => ({
  id,
  at: secondsAfter(now, settlingSeconds),
});
