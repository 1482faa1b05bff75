import { accounts } from './operations/accounts.ts';
import { administration } from './operations/administration.ts';
import type { Operation } from './operations/operation.ts';
import { service } from './operations/service.ts';
import { sessions } from './operations/sessions.ts';
import { uploads } from './operations/uploads.ts';

/** Every route of the app; a test holds this table against the router in both directions. */
export const operations = {
  ...accounts,
  ...sessions,
  ...administration,
  ...uploads,
  ...service,
} as const satisfies Record<string, Operation>;
