import { Client, DatabaseError } from 'pg';
import { type RoleCredentials, roleStatements } from './roles.ts';

type Roles = { readonly migrator: RoleCredentials; readonly app: RoleCredentials };

/**
 * Makes the roles in the database of `adminUrl`, all of it or nothing.
 *
 * @returns what was done, one line per statement
 */
export const applyRoles = async (adminUrl: string, roles: Roles): Promise<string[]> => {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  // REVOKE of what was never granted is a warning of no interest.
  client.on('notice', () => {});
  try {
    return await inTransaction(client, () => run(client, roles));
  } finally {
    await client.end();
  }
};

const run = async (client: Client, { migrator, app }: Roles) => {
  const { rows } = await client.query<{ database: string; admin: string }>(
    'SELECT current_database() AS database, current_user AS admin',
  );
  const { database = '', admin = '' } = rows[0] ?? {};
  refuseAdministrator(admin, [migrator.user, app.user]);
  const statements = roleStatements({ migrator, app, database });
  for (const { sql } of statements) await client.query(sql);
  return statements.map(({ purpose }) => purpose);
};

/** It would lock itself out: its attributes and its password are about to change. */
const refuseAdministrator = (admin: string, users: readonly string[]) => {
  if (!users.includes(admin)) return;
  throw new Error(`${admin} is the administrator of this connection and cannot be one of the two roles`);
};

const attempts = 5;

// Roles belong to the whole server, so that two stacks on one server may touch the same row at once.
const inTransaction = async <T>(client: Client, work: () => Promise<T>, attempt = 1): Promise<T> => {
  try {
    await client.query('BEGIN');
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    if (attempt === attempts || !isCollision(error)) throw error;
    return inTransaction(client, work, attempt + 1);
  }
};

const isCollision = (error: unknown) =>
  error instanceof DatabaseError &&
  (error.code === '23505' || error.message === 'tuple concurrently updated');
