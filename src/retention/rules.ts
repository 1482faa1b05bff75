/** Ended sessions are the devices that an account knows, and what a user sees of former logins. */
export const endedSessionDays = 90;

/** No token lives longer than a week; what is left of one tells what was mailed. */
export const tokenDays = 37;

/** How many rows a run deletes of a table, so that one that has fallen behind catches up without a long transaction. */
export const purgeBatch = 5_000;

/** How many sessions, and how many audit events, one step takes of a deleted account; the deletion itself is the first. */
export const erasureBatch = 1_000;

/** How many steps one run takes with what is left of deleted accounts; the next run goes on. */
export const maxErasureSteps = 20;
