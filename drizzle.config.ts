import { spawnSync } from 'node:child_process';
import { defineConfig } from 'drizzle-kit';

const connecting = ['migrate', 'push', 'pull', 'introspect', 'studio'];

/** drizzle-kit reads this file synchronously, so a program of its own finds (or starts) the database. */
const migrationsUrl = (): string => {
  const { stdout, status } = spawnSync(
    process.execPath,
    ['scripts/stack/migrations-url.ts', String(process.pid)],
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
  );
  if (status !== 0) process.exit(1);
  return stdout.trim();
};

export default defineConfig({
  dialect: 'postgresql',
  schema: './src/platform/db/schema.ts',
  out: './drizzle',
  ...(connecting.includes(process.argv[2] ?? '') ? { dbCredentials: { url: migrationsUrl() } } : {}),
});
