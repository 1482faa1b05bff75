import type * as z from 'zod';
import type { RequestContext } from '../context.ts';
import { AppError, type FieldError, findAppError } from '../errors.ts';

/** More reasons why a body is refused, beside those of its schema. `given` is the body as it came. */
export type Reasons<Ctx extends RequestContext = RequestContext> = (
  ctx: Ctx,
  given: unknown,
) => Promise<readonly FieldError[]>;

/** Finds more reasons in the members that are good on their own. */
export const reasonsFor =
  <Schema extends z.ZodObject, Ctx extends RequestContext = RequestContext>(
    schema: Schema,
    find: (ctx: Ctx, good: Partial<z.output<Schema>>) => Promise<readonly FieldError[]>,
  ): Reasons<Ctx> =>
  async (ctx, given) => {
    const members = Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([name, member]) => {
      const parsed = member.safeParse((given as Record<string, unknown> | null)?.[name]);
      return parsed.success && parsed.data !== undefined ? [[name, parsed.data]] : [];
    });
    return find(ctx, Object.fromEntries(members));
  };

/** A refusal by a schema, together with the other reasons about members that the schema has not refused. */
export const withReasons = async <Ctx extends RequestContext>(
  refusal: AppError,
  reasons: Reasons<Ctx> | undefined,
  ctx: Ctx,
  given: unknown,
): Promise<AppError> => {
  if (!reasons || refusal.code !== 'validation_failed') return refusal;
  const others = await reasons(ctx, given).catch((error: unknown) => {
    // The schema's own reasons are worth an answer without the others.
    if (findAppError(error)?.code === 'overloaded') return [];
    throw error;
  });
  const known = new Set(refusal.errors.map(({ pointer }) => pointer));
  const errors = [...refusal.errors, ...others.filter(({ pointer }) => !known.has(pointer))];
  return new AppError('validation_failed', { errors });
};
