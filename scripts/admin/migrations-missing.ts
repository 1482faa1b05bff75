import { DatabaseError } from '../../src/platform/db/errors.ts';
import { AppError } from '../../src/platform/errors.ts';
import { CliError } from '../program/cli.ts';

export const migrationsMissing = (place: string): CliError =>
  new CliError(`Migrations are missing in ${place}: run npm run db:migrate first.`);

/** A refusal of a database, in words for the person who runs a program. Any other error comes back as it is. */
export const databaseSentence = (error: unknown, place: string): unknown => {
  const cause = error instanceof AppError && error.code === 'service_unavailable' ? error.cause : error;
  const code = sqlState(cause);
  if (code === undefined) {
    return error instanceof AppError ? new CliError(`Cannot reach ${place}: ${reasonOf(cause)}.`) : error;
  }
  // No such table, column or schema.
  if (/^(?:42P01|42703|3F000)$/.test(code)) return migrationsMissing(place);
  if (code === '42501') {
    return new CliError(
      `The role of this connection has no right to the accounts in ${place}: use the app's, whose rights npm run db:roles sets.`,
    );
  }
  if (code.startsWith('28')) return new CliError(`The login is refused by ${place}.`);
  if (code === '3D000') return new CliError(`There is no such database: ${place}.`);
  if (code === '22023')
    return new CliError(`The app's role is missing in ${place}: run npm run db:migrate first.`);
  if (code === '25006') return new CliError(`Nothing can be written in ${place}: it is read-only.`);
  return new CliError(`The statement was refused by ${place} (SQLSTATE ${code}).`);
};

/** Of a statement, or of a connection that was never made. Errors of the system have codes too: EPIPE. */
const sqlState = (cause: unknown): string | undefined => {
  if (cause instanceof DatabaseError) return cause.code;
  const { code, syscall } = (cause ?? {}) as { code?: unknown; syscall?: unknown };
  return syscall === undefined && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
};

const reasonOf = (cause: unknown): string => {
  const { message, code } = (cause ?? {}) as { message?: string; code?: string };
  // Where a host name has several addresses, the message of all their failures together is empty.
  return message || code || 'no reason was given';
};
