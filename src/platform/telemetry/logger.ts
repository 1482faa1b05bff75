import type { Config } from '../config/schema.ts';
import type { LogFields, Logger } from '../context.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof levels)[number];

type PrintedError = { name: string; message: string; code?: string; stack?: string; cause?: PrintedError };

const printError = (error: unknown, depth = 0): PrintedError => {
  if (!(error instanceof Error)) return { name: typeof error, message: 'a thrown value was not an Error' };
  const { name, message, stack, cause } = error;
  // The code of our catalogue, of PostgreSQL or of the platform groups errors of one kind.
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    name,
    message,
    ...(code !== undefined && { code }),
    ...(stack !== undefined && { stack }),
    ...(cause !== undefined && depth < 5 && { cause: printError(cause, depth + 1) }),
  };
};

const printable = (fields: LogFields): LogFields =>
  Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, key === 'error' ? printError(value) : value]),
  );

const pretty = (time: string, level: Level, message: string, fields: LogFields): string => {
  const { error, ...rest } = fields as { error?: PrintedError };
  const facts = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const lines = [`${time.slice(11, 23)} ${level.padEnd(5)} ${message} ${facts.join(' ')}`.trimEnd()];
  for (let current = error; current; current = current.cause)
    lines.push(`  ${current.stack ?? current.message}`);
  return lines.join('\n');
};

type Options = Pick<Config['log'], 'level' | 'pretty'> & {
  readonly clock: () => Date;
  readonly write: (line: string) => void;
};

/** A logger that writes one JSON object a line, or with `LOG_PRETTY` a line for people. */
export const createLogger = ({ level: threshold, pretty: isPretty, clock, write }: Options): Logger => {
  const at =
    (level: Level) =>
    (message: string, fields: LogFields = {}): void => {
      if (levels.indexOf(level) < levels.indexOf(threshold)) return;
      const time = clock().toISOString();
      const shown = printable(fields);
      write(
        isPretty ? pretty(time, level, message, shown) : JSON.stringify({ time, level, message, ...shown }),
      );
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
};
