import type { Epoch } from '../../platform/rules/session-answer.ts';

/**
 * What a session gate remembers of one account, and the rule that keeps it from telling what is no longer so: what was
 * read before a change is never remembered after it.
 */
export type SessionMemory = {
  /** Grows with each change to the account. */
  readonly changes: number;
  readonly sessions: ReadonlyMap<string, RememberedSession>;
};

type RememberedSession = {
  /** The account as it was read, in JSON; null for a session that has ended. */
  readonly account: string | null;
  readonly untilMs: number;
};

/** What is read of a session. */
export type ReadSession = RememberedAccount & { readonly sessionId: string; readonly expiresAtMs: number };

export type RememberedAccount = Pick<RememberedSession, 'account'>;

/** An account can have a thousand live sessions; those that are used return by the next read. */
export const maxRememberedSessions = 100;

export const emptyMemory: SessionMemory = { changes: 0, sessions: new Map() };

/** What is known of a session; null where nothing is. */
export const recall = (
  { sessions }: SessionMemory,
  sessionId: string,
  nowMs: number,
): RememberedAccount | null => {
  const remembered = sessions.get(sessionId);
  return remembered && remembered.untilMs > nowMs ? remembered : null;
};

/**
 * Remembers what was read under an epoch, for `keepMs` from the moment when the read began. Of an earlier epoch it
 * remembers nothing: the row may be from before a change.
 */
export const remember = (
  memory: SessionMemory,
  { life, epoch, keepMs }: { readonly life: string; readonly epoch: Epoch; readonly keepMs: number },
  { sessionId, account, expiresAtMs }: ReadSession,
): SessionMemory => {
  if (epoch.life !== life || epoch.changes !== memory.changes) return memory;
  const sessions = new Map(memory.sessions);
  sessions.delete(sessionId);
  sessions.set(sessionId, { account, untilMs: Math.min(expiresAtMs, epoch.atMs + keepMs) });
  const [oldest] = sessions.keys();
  if (sessions.size > maxRememberedSessions && oldest !== undefined) sessions.delete(oldest);
  return { ...memory, sessions };
};

/** Forgets everything after a change to the account. */
export const forget = ({ changes }: SessionMemory): SessionMemory => ({
  changes: changes + 1,
  sessions: new Map(),
});
