import {
  PostgresError,
  type SqlBackend,
  type SqlSession,
  type Statement,
  type StatementResult,
} from './sql-backend.ts';

export type IsolationLevel = 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';

export type TransactionOptions = {
  readonly isolationLevel?: IsolationLevel | undefined;
  readonly readOnly?: boolean | undefined;
  readonly deferrable?: boolean | undefined;
};

export const quoteIdentifier = (name: string) => `"${name.replaceAll('"', '""')}"`;

/**
 * Runs the statements as `user` in one transaction: all of them, or none.
 *
 * @throws PostgresError of the statement that failed; 28000 when there is no such role
 * @throws BackendUnavailable
 */
export const runTransaction = (
  backend: SqlBackend,
  user: string,
  statements: readonly Statement[],
  options: TransactionOptions = {},
): Promise<StatementResult[]> =>
  backend.withSession(async (session) => {
    await session.execute(plain(begin(options)));
    try {
      if (user !== backend.loginUser) await becomeUser(session, user);
      const results: StatementResult[] = [];
      for (const statement of statements) results.push(await session.execute(statement));
      // Deferred constraints speak up here, so the commit belongs to what can fail.
      await session.execute(plain('COMMIT'));
      return results;
    } catch (error) {
      if (error instanceof PostgresError) await session.execute(plain('ROLLBACK'));
      throw error;
    }
  });

const plain = (query: string): Statement => ({ query, params: [] });

const begin = ({ isolationLevel, readOnly, deferrable }: TransactionOptions) =>
  [
    'BEGIN',
    isolationLevel === undefined ? '' : `ISOLATION LEVEL ${isolationLevel}`,
    readOnly === undefined ? '' : readOnly ? 'READ ONLY' : 'READ WRITE',
    deferrable === undefined ? '' : deferrable ? 'DEFERRABLE' : 'NOT DEFERRABLE',
  ]
    .filter((part) => part !== '')
    .join(' ');

const becomeUser = async (session: SqlSession, user: string) => {
  // SET ROLE reads "none", even quoted, as "back to the login user".
  if (user.toLowerCase() === 'none') throw noSuchRole(user);
  try {
    await session.execute(plain(`SET LOCAL ROLE ${quoteIdentifier(user)}`));
  } catch (error) {
    if (error instanceof PostgresError && error.fields.code === '22023') throw noSuchRole(user);
    throw error;
  }
};

/** What a server answers to a login under a name it does not know. */
const noSuchRole = (user: string) =>
  new PostgresError(`role "${user}" does not exist`, { severity: 'FATAL', code: '28000' });
