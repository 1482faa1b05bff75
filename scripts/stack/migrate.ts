import { fileURLToPath } from 'node:url';
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { Client } from 'pg';

export const migrationsDirectory = fileURLToPath(new URL('../../drizzle', import.meta.url));

/** The migrations of this code, as drizzle-kit's journal will know them. */
export const readMigrations = (directory = migrationsDirectory): MigrationMeta[] =>
  readMigrationFiles({ migrationsFolder: directory });

/** Applies the migrations that the database lacks, in one transaction, by the journal that drizzle-kit keeps. */
export const applyMigrations = async (url: string, directory = migrationsDirectory): Promise<void> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  // "Already exists, skipping": said at every start.
  client.on('notice', () => {});
  try {
    await migrate(drizzle(client), { migrationsFolder: directory });
  } finally {
    await client.end();
  }
};
