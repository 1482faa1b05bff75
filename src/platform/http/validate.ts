import { zValidator } from '@hono/zod-validator';
import type { MiddlewareHandler } from 'hono';
import * as z from 'zod';
import { AppError, type FieldError } from '../errors.ts';
import type { AppEnv } from './app-env.ts';
import { type BodyKind, bufferBody } from './body.ts';
import { type Reasons, withReasons } from './reasons.ts';

/** A small body can be wrong in thousands of members, and a full answer would be many times its size. */
const maxReportedErrors = 100;

const pointer = (path: readonly PropertyKey[]): string =>
  path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    root,
  );

/** Of a form or a query, the values of a member that occurs more than once (RFC 6749 section 3.2). */
const several = { code: 'wrong_type', detail: 'must be one text, not several' };

const isBare = (root: unknown): boolean => Object.keys(Object(root)).length === 0;

const required = { code: 'required', detail: 'this member is required' };

const units: Partial<Record<string, string>> = { string: ' characters', array: ' entries' };

const lengths = { too_small: 'too_short', too_big: 'too_long' } as const;

const types: Partial<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

const isOurs = (message: string): boolean => !/^(?:Invalid|Too|Unrecognized)\b/.test(message);

/** The message of the schema, or a text of ours: zod's own texts are about types and not for people. */
const detailOf = (issue: z.core.$ZodIssue): string => {
  if (isOurs(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${types[issue.expected] ?? 'of another type'}`;
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `at least ${issue.minimum}${units[issue.origin] ?? ''}`;
    case 'too_big':
      return `at most ${issue.maximum}${units[issue.origin] ?? ''}`;
    default:
      return 'does not have the expected form';
  }
};

/** The issues of the only form of a union that knows all given members; null where there is not exactly one. */
const onlyForm = (
  { errors, path }: z.core.$ZodIssueInvalidUnion,
  root: unknown,
): z.core.$ZodIssue[] | null => {
  if (isBare(root)) return null;
  const forms = errors.filter((issues) => issues.every(({ code }) => code !== 'unrecognized_keys'));
  return forms.length === 1 && path.length === 0 ? (forms[0] ?? null) : null;
};

/** A zod issue in our words; a refinement has its own code in `params.code`. */
const fieldErrors = (issue: z.core.$ZodIssue, root: unknown): FieldError[] => {
  const { path } = issue;
  const detail = detailOf(issue);
  if (issue.code !== 'custom' && issue.code !== 'unrecognized_keys') {
    const value = valueAt(root, path);
    if (value === undefined) return [{ pointer: pointer(path), ...required }];
    const wantsText = issue.code === 'invalid_type' && issue.expected === 'string';
    const wantsKind = issue.code === 'invalid_union' && issue.discriminator !== undefined;
    if (Array.isArray(value) && (wantsText || wantsKind)) return [{ pointer: pointer(path), ...several }];
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.slice(0, maxReportedErrors).map((key) => ({
        pointer: pointer([...path, key]),
        code: 'unknown_member',
        detail: 'this member is unknown',
      }));
    case 'too_small':
    case 'too_big':
      return [
        {
          pointer: pointer(path),
          code: issue.origin === 'string' ? lengths[issue.code] : 'out_of_range',
          detail,
        },
      ];
    case 'invalid_type':
      // The pointer to the whole body is an empty text.
      return [
        {
          pointer: pointer(path),
          code: 'wrong_type',
          detail: path.length === 0 ? `the body ${detail}` : detail,
        },
      ];
    case 'custom':
      return [{ pointer: pointer(path), code: String(issue.params?.code ?? 'invalid'), detail }];
    case 'invalid_union': {
      const issues = issue.discriminator ? null : onlyForm(issue, root);
      if (issues) return issues.flatMap((each) => fieldErrors(each, root));
      return [{ pointer: pointer(path), code: issue.discriminator ? 'unsupported' : 'invalid', detail }];
    }
    default:
      return [{ pointer: pointer(path), code: 'invalid', detail }];
  }
};

const refusal = (issues: readonly z.core.$ZodIssue[], given: unknown): AppError =>
  new AppError('validation_failed', {
    // As an iterator, so that no more issues are put in words than are reported.
    errors: issues
      .values()
      .flatMap((issue) => fieldErrors(issue, given))
      .take(maxReportedErrors)
      .toArray(),
  });

/** @throws AppError `validation_failed`, with the first `maxReportedErrors` reasons */
export const parse = <Schema extends z.ZodType>(schema: Schema, given: unknown): z.output<Schema> => {
  const result = schema.safeParse(given);
  if (!result.success) throw refusal(result.error.issues, given);
  return result.data;
};

const takes = (schema: z.ZodType, given: unknown): boolean => schema.safeParse(given).success;

/** The objects that a schema takes, before it transforms them. */
const objectsOf = (schema: unknown): z.ZodObject[] => {
  if (schema instanceof z.ZodObject) return [schema];
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(objectsOf);
  return schema instanceof z.ZodPipe ? objectsOf(schema.in) : [];
};

/**
 * The schema for bodies in which `null` stands for a member that is absent, as many serializers write it. A member that
 * is required, or for which null has a meaning, keeps it.
 */
const withoutNulls = (schema: z.ZodType): z.ZodType => {
  const shapes = objectsOf(schema).map(({ shape }) => new Map(Object.entries<z.ZodType>(shape)));
  const isAbsent = ([name, value]: [string, unknown]): boolean =>
    value === null &&
    shapes.some((members) => {
      const member = members.get(name);
      return member !== undefined && takes(member, undefined) && !takes(member, null);
    });
  return z.preprocess(
    (given) =>
      given !== null && typeof given === 'object' && !Array.isArray(given)
        ? Object.fromEntries(Object.entries(given).filter((entry) => !isAbsent(entry)))
        : given,
    schema,
  );
};

/** The schema for queries without `_`, which clients add so that no cache answers. */
const withoutCacheBuster = (schema: z.ZodType): z.ZodType =>
  z.preprocess((given) => {
    const { _, ...query } = given as Record<string, unknown>;
    return query;
  }, schema);

const lenient: Partial<Record<string, (schema: z.ZodType) => z.ZodType>> = {
  json: withoutNulls,
  query: withoutCacheBuster,
};

/**
 * Middleware that refuses input which does not fit the schema, as `parse` does.
 * @param reasons finds more reasons for the same refusal
 * @param accepted every kind of body that the route accepts
 * @throws AppError `validation_failed`; for a body also what `bufferBody` throws
 */
export const validate = (
  target: 'param' | 'query' | BodyKind,
  schema: z.ZodType,
  reasons?: Reasons,
  accepted?: readonly BodyKind[],
): MiddlewareHandler<AppEnv> => {
  const check: MiddlewareHandler<AppEnv> = zValidator(
    target,
    lenient[target]?.(schema) ?? schema,
    async (result, c) => {
      if (result.success) return;
      const { data } = result;
      throw await withReasons(refusal(result.error.issues, data), reasons, c.var.ctx, data);
    },
  );
  if (target !== 'json' && target !== 'form') return check;
  return async (c, next) => {
    await bufferBody(c, target, accepted);
    return check(c, next);
  };
};
