import { createUserDirectory } from '../../../src/administration/sql/user-directory.ts';
import type { AuditEventType, AuditFilter } from '../../../src/audit/rules.ts';
import { createAuditSql } from '../../../src/audit/sql/audit.ts';
import type { PermittedContext } from '../../../src/platform/context.ts';
import type { Database } from '../../../src/platform/db/client.ts';
import type { Page } from '../../../src/platform/rules/page.ts';
import type { Permission } from '../../../src/platform/rules/permissions.ts';
import { createGate } from '../../../src/sessions/sql/gate.ts';
import { administrativeType, commonName, frequentType, rareName, rareType } from './fill.ts';
import type { Samples } from './samples.ts';

/** A page, and the one row more that tells whether there is a next page. */
const limit = 50;
export const pageRows = limit + 1;

/** One database as an administrator asks it. */
export type Asked = { readonly db: Database; readonly samples: Samples };

export type Question = {
  readonly name: string;
  /** Returns how many rows were read; `turn` draws the account or the place that is asked for. */
  readonly ask: (asked: Asked, turn: number) => Promise<number>;
};

const gate = createGate({ verifiedOnly: true, passwordMaxAgeDays: 90, issuers: [] });
const newId = () => {
  throw new Error('nothing is written');
};

const at = (texts: readonly string[], turn: number): string => texts[turn % texts.length] ?? '';

const contextOf = ({ administrator }: Samples, requiredPermission: Permission): PermittedContext => ({
  requestId: 'bench',
  now: new Date(),
  ip: null,
  network: 'unknown',
  networks: ['unknown'],
  userAgent: null,
  actor: { ...administrator, source: 'bearer', goodUntil: new Date(8.64e15) },
  requiredPermission,
  signal: new AbortController().signal,
  log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  keepAlive: () => undefined,
  defer: () => {},
});

type Draw = (samples: Samples, turn: number) => string | null;
const none: Draw = () => null;

/** The rows that a page was made of: the last page has none left over. */
const rowsOf = ({ items, nextCursor }: Page<unknown>): number => items.length + (nextCursor === null ? 0 : 1);

const search = (name: string, prefix: string | null, after: Draw = none): Question => ({
  name: `${prefix === null ? 'users' : 'search'}: ${name}`,
  ask: async ({ db, samples }, turn) => {
    const { list } = createUserDirectory({ db, gate, passwordMaxAgeDays: null });
    const query = { prefix, cursor: after(samples, turn), limit };
    return rowsOf(await list(contextOf(samples, 'users:read'), query));
  },
});

const users = (name: string, after: Draw = none): Question => search(name, null, after);

const audit = (
  name: string,
  { user = none, type = null, after = none }: { user?: Draw; type?: AuditEventType | null; after?: Draw },
): Question => ({
  name: `audit: ${name}`,
  ask: async ({ db, samples }, turn) => {
    const filter: AuditFilter = { userId: user(samples, turn), type };
    const { list } = createAuditSql({ db, newId, gate });
    return rowsOf(
      await list(contextOf(samples, 'audit:read'), filter, { cursor: after(samples, turn), limit }),
    );
  },
});

const anyUser: Draw = ({ userIds }, turn) => at(userIds, turn);
const anyAdministrator: Draw = ({ administratorIds }, turn) => at(administratorIds, turn);

/** Every kind of page that administrators ask for. */
export const questions: readonly Question[] = [
  users('first page'),
  users('in the middle', ({ middleUsers }, turn) => at(middleUsers, turn)),
  users('near the end', ({ lastUsers }, turn) => at(lastUsers, turn)),
  search('rare prefix', rareName.slice(0, 4)),
  search('one letter', 'a'),
  search('address and name', commonName),
  search('address and name, in the middle', commonName, ({ middleTerms }, turn) => at(middleTerms, turn)),
  search('address and name, near the end', commonName, ({ lastTerms }, turn) => at(lastTerms, turn)),
  audit('first page', {}),
  audit('in the middle', { after: ({ middleEvents }, turn) => at(middleEvents, turn) }),
  audit('near the end', { after: ({ lastEvents }, turn) => at(lastEvents, turn) }),
  audit('by user', { user: anyUser }),
  audit('by administrator', { user: anyAdministrator }),
  audit('by frequent type', { type: frequentType }),
  audit('by frequent type, in the middle', {
    type: frequentType,
    after: ({ middleEvents }, turn) => at(middleEvents, turn),
  }),
  audit('by rare type', { type: rareType }),
  audit('by rare type, in the middle', {
    type: rareType,
    after: ({ middleEvents }, turn) => at(middleEvents, turn),
  }),
  audit('by user and type', { user: anyUser, type: frequentType }),
  audit('by administrator and type', { user: anyAdministrator, type: administrativeType }),
];
