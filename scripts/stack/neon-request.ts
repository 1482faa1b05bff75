import type { IncomingHttpHeaders } from 'node:http';
import type { Statement } from './sql-backend.ts';
import type { IsolationLevel, TransactionOptions } from './transaction.ts';

/** A request that does not follow the protocol; nothing of it has run. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
}

export type NeonRequest = {
  readonly user: string;
  readonly rowsAsArrays: boolean;
  /** True for `{queries: […]}`, whose answer is `{results: […]}`. */
  readonly batch: boolean;
  readonly statements: readonly Statement[];
  readonly options: TransactionOptions;
};

/** @throws BadRequest */
export const readNeonRequest = (headers: IncomingHttpHeaders, body: Buffer): NeonRequest => {
  if (headers['neon-raw-text-output'] !== 'true') {
    throw new BadRequest('this endpoint answers raw text only: send Neon-Raw-Text-Output: true');
  }
  const json = parseBody(body);
  const batch = 'queries' in json;
  return {
    user: readUser(headers['neon-connection-string']),
    rowsAsArrays: headers['neon-array-mode'] === 'true',
    batch,
    statements: batch ? readArray(json.queries, 'queries').map(readStatement) : [readStatement(json)],
    options: batch ? readOptions(headers) : {},
  };
};

const parseBody = (body: Buffer): Record<string, unknown> => {
  try {
    return readObject(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)));
  } catch (error) {
    throw error instanceof BadRequest ? error : new BadRequest('the body is not UTF-8 JSON');
  }
};

const readUser = (header: string | string[] | undefined): string => {
  if (typeof header !== 'string') throw new BadRequest('the header Neon-Connection-String is missing');
  const { protocol, username } = URL.parse(header) ?? {};
  if (!username || (protocol !== 'postgres:' && protocol !== 'postgresql:')) {
    throw new BadRequest('Neon-Connection-String is not a PostgreSQL URL with a user');
  }
  return decodeURIComponent(username);
};

const readStatement = (value: unknown): Statement => {
  const { query, params } = readObject(value);
  if (typeof query !== 'string') throw new BadRequest('"query" must be a string');
  // In the wire protocol a NUL ends the query text, and what follows would be read as something else.
  if (query.includes('\0')) throw new BadRequest('"query" contains a NUL');
  return {
    query: wellFormed(query),
    params: params === undefined ? [] : readArray(params, 'params').map(readParameter),
  };
};

const readParameter = (value: unknown): string | null => {
  if (value === null) return null;
  return wellFormed(typeof value === 'string' ? value : JSON.stringify(value));
};

const wellFormed = (text: string) => {
  if (!text.isWellFormed()) throw new BadRequest('the body contains a lone surrogate');
  return text;
};

const isolationLevels: Record<string, IsolationLevel> = {
  ReadUncommitted: 'READ UNCOMMITTED',
  ReadCommitted: 'READ COMMITTED',
  RepeatableRead: 'REPEATABLE READ',
  Serializable: 'SERIALIZABLE',
};

const readOptions = (headers: IncomingHttpHeaders): TransactionOptions => {
  const level = headers['neon-batch-isolation-level'];
  const isolationLevel = typeof level === 'string' ? isolationLevels[level] : undefined;
  if (level !== undefined && isolationLevel === undefined)
    throw new BadRequest('unknown Neon-Batch-Isolation-Level');
  return {
    isolationLevel,
    readOnly: readFlag(headers['neon-batch-read-only']),
    deferrable: readFlag(headers['neon-batch-deferrable']),
  };
};

const readFlag = (header: string | string[] | undefined) =>
  header === undefined ? undefined : header === 'true';

const readObject = (value: unknown): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BadRequest('an object was expected');
  return value as Record<string, unknown>;
};

const readArray = (value: unknown, name: string): unknown[] => {
  if (!Array.isArray(value)) throw new BadRequest(`"${name}" must be an array`);
  return value;
};
