import type { Context } from 'hono';
import type { Preconditions } from '../domain/preconditions.ts';
import { AppError } from '../errors.ts';

const entityTags = /^\s*"[\x21\x23-\x7e]*"(?:\s*,\s*"[\x21\x23-\x7e]*")*\s*$/;

const malformed = (header: string, detail: string): AppError =>
  new AppError('validation_failed', { errors: [{ pointer: `/${header}`, code: 'invalid', detail }] });

/** Reads If-Match and If-None-Match. @throws AppError `validation_failed` for what is neither tags nor `*` */
export const readPreconditions = (c: Context): Preconditions => {
  const ifMatch = c.req.header('If-Match')?.trim();
  const ifNoneMatch = c.req.header('If-None-Match')?.trim();
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw malformed('If-None-Match', 'must be *');
  const mustNotExist = ifNoneMatch === '*';
  if (ifMatch === undefined) return { ifMatch: null, mustExist: false, mustNotExist };
  if (ifMatch === '*') return { ifMatch: null, mustExist: true, mustNotExist };
  if (!entityTags.test(ifMatch)) throw malformed('If-Match', 'must be the ETag that you have read, or *');
  const versions = [...ifMatch.matchAll(/"([^"]*)"/g)].map(([, version = '']) => version);
  return { ifMatch: versions, mustExist: true, mustNotExist };
};

export const setEntityTag = (c: Context, version: string): void => c.header('ETag', `"${version}"`);
