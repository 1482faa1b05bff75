import { accounts } from './accounts.ts';
import { administration } from './administration.ts';
import type { Operation } from './operation.ts';
import { service } from './service.ts';
import { sessions } from './sessions.ts';
import { uploads } from './uploads.ts';

/** Every route of the app; a test holds this table against the router in both directions. */
export const operations = {
  ...accounts,
  ...sessions,
  ...administration,
  ...uploads,
  ...service,
} as const satisfies Record<string, Operation>;
