import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { TransactionOptions } from './transactions.ts';

/** A request that does not follow the protocol; none of its statements has run. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
}

const WellFormed = z.string().refine((text) => text.isWellFormed(), 'has a lone surrogate');
const Parameter = z
  .unknown()
  .transform((value) => (value === null || typeof value === 'string' ? value : JSON.stringify(value)))
  .pipe(WellFormed.nullable());
const Single = z.object({
  // In the wire protocol a NUL ends the query text, and the rest would be read as something else.
  query: WellFormed.refine((text) => !text.includes('\0'), 'contains a NUL'),
  params: z.array(Parameter).default([]),
});
const Batch = z.object({ queries: z.array(Single) });

/** A batch is `{queries: […]}`, whose answer is `{results: […]}`. @throws BadRequest */
export const readNeonRequest = (headers: IncomingHttpHeaders, body: Buffer) => {
  if (headers['neon-raw-text-output'] !== 'true') {
    throw new BadRequest('this endpoint answers raw text only: send Neon-Raw-Text-Output: true');
  }
  const request = {
    user: readUser(headers['neon-connection-string']),
    rowsAsArrays: headers['neon-array-mode'] === 'true',
  };
  const json = parseJson(body);
  if (typeof json === 'object' && json !== null && 'queries' in json) {
    return { ...request, batch: true, statements: read(Batch, json).queries, options: readOptions(headers) };
  }
  return { ...request, batch: false, statements: [read(Single, json)], options: {} };
};

const parseJson = (body: Buffer): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new BadRequest('the body is not UTF-8 JSON');
  }
};

const read = <Schema extends z.ZodType>(schema: Schema, json: unknown): z.output<Schema> => {
  const { data, error } = schema.safeParse(json);
  if (error === undefined) return data as z.output<Schema>;
  const [issue] = error.issues;
  throw new BadRequest(`${issue?.path.join('.') || 'the body'}: ${issue?.message}`);
};

const readUser = (header: string | string[] | undefined): string => {
  if (typeof header !== 'string') throw new BadRequest('the header Neon-Connection-String is missing');
  const { protocol = '', username } = URL.parse(header) ?? {};
  if (!username || !/^postgres(?:ql)?:$/.test(protocol)) {
    throw new BadRequest('Neon-Connection-String is not a PostgreSQL URL with a user');
  }
  return decodeURIComponent(username);
};

const isolationLevels: Readonly<Record<string, string>> = {
  ReadUncommitted: 'READ UNCOMMITTED',
  ReadCommitted: 'READ COMMITTED',
  RepeatableRead: 'REPEATABLE READ',
  Serializable: 'SERIALIZABLE',
};

const readOptions = (headers: IncomingHttpHeaders): TransactionOptions => {
  const level = headers['neon-batch-isolation-level'];
  const isolationLevel = level === undefined ? undefined : isolationLevels[String(level)];
  if (level !== undefined && isolationLevel === undefined)
    throw new BadRequest('unknown Neon-Batch-Isolation-Level');
  const readFlag = (name: string) => (headers[name] === undefined ? undefined : headers[name] === 'true');
  return {
    isolationLevel,
    readOnly: readFlag('neon-batch-read-only'),
    deferrable: readFlag('neon-batch-deferrable'),
  };
};
