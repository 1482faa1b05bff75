import { sql } from 'drizzle-orm';
import { isReserved } from '../../emails/sql/undo-tokens.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import { AppError, type FieldError } from '../../platform/errors.ts';

type Names = { readonly email: string; readonly username: string | null };

const taken = (member: keyof Names): FieldError => ({
  pointer: `/${member}`,
  code: 'taken',
  detail: 'another account has it',
});

/** Only of the user name: for answers that must not tell whether an address has an account. */
export const usernameTaken = (): AppError => new AppError('username_taken', { errors: [taken('username')] });

/**
 * Finds every name of a refused account that is taken, where a statement stops at the first one that it meets.
 * @param first what the statement was refused for
 * @returns the refusal
 */
export const findTakenNames = async (
  db: Database,
  ctx: RequestContext,
  first: 'email_taken' | 'username_taken',
  { email, username }: Names,
): Promise<AppError> => {
  if (username === null) return new AppError(first, { errors: [taken('email')] });
  const [row] = await db.execute<{ email: boolean; username: boolean }>(
    ctx,
    sql`
      select exists (select from users holder where holder.email = ${email})
          or ${isReserved(ctx, sql`${email}::text`)} as email,
        exists (select from users holder where holder.username = ${username}) as username`,
  );
  // The account with the first name may have gone meanwhile; the name still is the reason.
  const isEmail = first === 'email_taken' || row?.email === true;
  const isUsername = first === 'username_taken' || row?.username === true;
  const errors = [...(isEmail ? [taken('email')] : []), ...(isUsername ? [taken('username')] : [])];
  return new AppError(isEmail ? 'email_taken' : 'username_taken', { errors });
};
