import type { Context } from 'hono';
import { AppError } from '../errors.ts';
import type { Preconditions } from '../rules/preconditions.ts';

const entityTag = String.raw`(?:W/)?"[\x21\x23-\x7e]*"`;
/** RFC 9110 section 5.6.1: empty list elements are ignored. */
const entityTags = new RegExp(String.raw`^(?:\s*,)*\s*${entityTag}(?:\s*,(?:\s*${entityTag})?)*$`);

const malformed = (header: string, detail: string): AppError =>
  new AppError('validation_failed', { errors: [{ pointer: `/${header}`, code: 'invalid', detail }] });

/** The versions in a header, without their quotes. */
const tagsOf = (c: Context, header: 'If-Match' | 'If-None-Match') => {
  const given = c.req.header(header)?.trim();
  if (given === undefined) return null;
  if (given === '*') return '*';
  if (!entityTags.test(given)) throw malformed(header, 'must be an ETag that you have read, or *');
  return [...given.matchAll(/(W\/)?"([^"]*)"/g)].map(([, weak, version = '']) => ({ weak, version }));
};

const readMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * Reads If-Match and If-None-Match. For a write, If-None-Match can only be `*`: the resource must not exist yet.
 * @throws AppError `validation_failed` for a header that is neither tags nor `*`
 */
export const readPreconditions = (c: Context): Preconditions => {
  const ifMatch = tagsOf(c, 'If-Match');
  const ifNoneMatch = tagsOf(c, 'If-None-Match');
  const has = Array.isArray(ifNoneMatch) ? ifNoneMatch : [];
  if (has.length > 0 && !readMethods.has(c.req.method)) throw malformed('If-None-Match', 'must be *');
  return {
    ifMatch: Array.isArray(ifMatch)
      ? ifMatch.filter(({ weak }) => !weak).map(({ version }) => version)
      : null,
    mustExist: ifMatch !== null,
    ifNoneMatch: has.map(({ version }) => version),
    mustNotExist: ifNoneMatch === '*',
  };
};

/**
 * Sets the version that a client sends back in If-Match. A proxy that compressed the answer would make the tag weak, and a
 * weak tag never matches (RFC 9110 section 13.1.1); no-transform forbids that (RFC 9111 section 5.2.2.6).
 */
export const setEntityTag = (c: Context, version: string): void => {
  c.header('ETag', `"${version}"`);
  c.header('Cache-Control', 'no-store, no-transform');
};
