/** How many days ended sessions are kept: an account knows its devices by them, and shows them as former logins. */
export const endedSessionDays = 90;

/** How many days one-time tokens are kept. They live a week at most; after that they tell what was mailed. */
export const tokenDays = 37;

/** How many rows of a table one statement deletes: enough to catch up, without a long transaction. */
export const purgeBatch = 5_000;

/** How many of these statements one hourly run sends for a table; the next run continues. */
export const maxPurgeBatches = 40;

/** How many sessions and how many audit events one step erases. The deletion of an account is the first step. */
export const erasureBatch = 1_000;

/** How many steps of erasure one run takes; the next run continues. */
export const maxErasureSteps = 20;
