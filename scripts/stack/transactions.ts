import { DatabaseError, escapeIdentifier, type FieldDef, type PoolClient } from 'pg';
import { createPool } from './pool.ts';

/** Parameters are untyped text, as the driver sends them; Postgres infers their types. */
export type Statement = { readonly query: string; readonly params: readonly (string | null)[] };

/** Values keep the text that Postgres printed: the driver parses them by `dataTypeID`. */
export type StatementResult = {
  readonly command: string;
  readonly rowCount: number | null;
  readonly fields: readonly FieldDef[];
  readonly rows: readonly (readonly (string | null)[])[];
};

export type TransactionOptions = {
  readonly isolationLevel?: string | undefined;
  readonly readOnly?: boolean | undefined;
  readonly deferrable?: boolean | undefined;
};

/** Postgres refuses a statement. Any other error of a transaction means that there is no working connection. */
export class StatementRefused extends Error {
  override readonly name = 'StatementRefused';
  /** Of the ErrorResponse message (PostgreSQL protocol, 54.8), under the names of the drivers: code, detail, … */
  readonly fields: Readonly<Record<string, string>>;

  constructor({ message, name: _, ...source }: Partial<DatabaseError>) {
    super(message);
    const isText = (field: [string, unknown]): field is [string, string] => typeof field[1] === 'string';
    this.fields = Object.fromEntries(Object.entries(source).filter(isText));
  }
}

export type Transactions = ReturnType<typeof createTransactions>;

/** Transactions on a PostgreSQL server, each under the role that it asks for. */
export const createTransactions = (connectionString: string) => {
  const loginUser = decodeURIComponent(new URL(connectionString).username);
  const pool = createPool(connectionString, 20);
  return {
    /**
     * Runs the statements as `user`: all of them, or none.
     *
     * @throws StatementRefused of the statement that failed; 28000 when there is no such role
     */
    run: async (user: string, statements: readonly Statement[], options: TransactionOptions) => {
      const client = await pool.connect();
      try {
        const results = await runOn(client, user === loginUser ? null : user, statements, options);
        client.release();
        return results;
      } catch (error) {
        // Only after an orderly ROLLBACK is the connection fit for the next transaction.
        client.release(!(error instanceof StatementRefused));
        throw error;
      }
    },
    close: (): Promise<void> => pool.end(),
  };
};

const runOn = async (
  client: PoolClient,
  role: string | null,
  statements: readonly Statement[],
  options: TransactionOptions,
): Promise<StatementResult[]> => {
  const results: StatementResult[] = [];
  try {
    await begin(client, role, options);
    for (const statement of statements) results.push(await execute(client, statement));
    // Deferred constraints are checked here, so the commit can fail like a statement.
    await client.query('COMMIT');
    return results;
  } catch (error) {
    // FATAL and PANIC end the session: they are about the server, not about the statement.
    const isRefusal = error instanceof DatabaseError && error.severity === 'ERROR';
    if (isRefusal || error instanceof StatementRefused) await client.query('ROLLBACK');
    throw isRefusal ? new StatementRefused(error) : error;
  }
};

const begin = async (client: PoolClient, role: string | null, options: TransactionOptions) => {
  const { isolationLevel, readOnly, deferrable } = options;
  const modes = [
    isolationLevel && `ISOLATION LEVEL ${isolationLevel}`,
    readOnly !== undefined && (readOnly ? 'READ ONLY' : 'READ WRITE'),
    deferrable !== undefined && (deferrable ? 'DEFERRABLE' : 'NOT DEFERRABLE'),
  ];
  const start = `BEGIN ${modes.filter(Boolean).join(' ')}`;
  if (role === null) return client.query(start);
  // The answer of a server to a login under a name that it does not know.
  const message = `role "${role}" does not exist`;
  const unknownRole = new StatementRefused({ message, severity: 'FATAL', code: '28000' });
  // SET ROLE reads "none", even quoted, as "back to the login user".
  if (role.toLowerCase() === 'none') throw unknownRole;
  return client.query(`${start}; SET LOCAL ROLE ${escapeIdentifier(role)}`).catch((error) => {
    throw error instanceof DatabaseError && error.code === '22023' ? unknownRole : error;
  });
};

const asText = { getTypeParser: () => (value: string) => value };

const execute = async (client: PoolClient, { query, params }: Statement): Promise<StatementResult> => {
  const { command, rowCount, fields, rows } = await client.query<(string | null)[]>({
    text: query,
    values: [...params],
    rowMode: 'array',
    types: asText,
    // The simple protocol would run several statements in one string, which Neon does not.
    queryMode: 'extended',
  } as { text: string; values: (string | null)[]; rowMode: 'array' });
  return { command, rowCount, fields, rows };
};
