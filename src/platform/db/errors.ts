import { AppError } from '../errors.ts';

type PostgresError = Error & { code?: string; constraint?: string; table?: string; routine?: string };

/**
 * What PostgreSQL said, without its message and detail: those quote the values of the row.
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly code: string;
  readonly constraint: string | undefined;

  constructor({ code, constraint, table, routine }: PostgresError & { code: string }) {
    super(['SQLSTATE', code, constraint ?? table, routine].filter(Boolean).join(' '));
    this.code = code;
    this.constraint = constraint;
  }
}

// Classes 08 connection, 28 authorization, 3D no such database, 53 resources, 57 operator intervention, 58 system;
// 40 is a lost race between transactions. 42501, 42P01 and 42703 mean that a grant or a migration is missing.
const unavailable = /^(?:08|28|3D|40|53|57|58|42501|42P01|42703)/;

/** An error of the driver as ours: 504 for an aborted request, 503 for what is not the statement's fault. */
export const toOurError = (error: unknown, signal: AbortSignal): Error => {
  if (signal.aborted) return new AppError('timeout', { cause: signal.reason });
  const { code } = error as PostgresError;
  if (typeof code !== 'string')
    return new AppError('service_unavailable', { retryAfterSeconds: 1, cause: error });
  const cause = new DatabaseError(error as PostgresError & { code: string });
  return unavailable.test(code)
    ? new AppError('service_unavailable', { retryAfterSeconds: 1, cause })
    : cause;
};

/** The name of the unique constraint that a statement ran into, or null for any other error. */
export const violatedUnique = (error: unknown): string | null =>
  error instanceof DatabaseError && error.code === '23505' ? (error.constraint ?? null) : null;

/** Whether a statement named a table that a migration has yet to make. */
export const isMissingTable = (error: unknown): boolean =>
  error instanceof AppError && error.cause instanceof DatabaseError && error.cause.code === '42P01';
