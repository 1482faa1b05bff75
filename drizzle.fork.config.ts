import { defineConfig } from 'drizzle-kit';
import ours from './drizzle.config.ts';

/** The migrations of a fork: its own tables, its own folder and its own journal in the same database. */
export default defineConfig({
  ...ours,
  schema: './src/fork/db/tables.ts',
  out: './src/fork/db/migrations',
  migrations: { table: '__fork_migrations' },
});
