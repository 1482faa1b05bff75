import { existsSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { cloudflareTest } from '@cloudflare/vitest-pool-workers';
import { defineConfig } from 'vitest/config';

// Durable Objects write each change through to the disk, which takes longer than all else that a test does. Linux has a
// folder in memory; a container may have given it too little.
const memoryFolder = '/dev/shm';
const freeBytes = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};
if (existsSync(memoryFolder) && freeBytes(memoryFolder) > 2_147_483_648) process.env.TMPDIR ??= memoryFolder;

/** Inside workerd, against the database that the global set-up starts. */
const inWorkerd = (name: string, include: string, timeoutMs: number) => ({
  extends: true as const,
  plugins: [
    cloudflareTest(({ inject }) => ({
      wrangler: { configPath: './wrangler.toml' },
      miniflare: {
        bindings: {
          BACKEND_ENV: 'test',
          LOG_LEVEL: 'error',
          // What a hash costs matters to its own tests only.
          ARGON2_MEMORY_KIB: '7168',
          ARGON2_ITERATIONS: '1',
          // Nor what the clock adds to an answer.
          EVEN_ANSWER_MS: '0',
          // A busy machine is no fault of the service.
          REQUEST_TIMEOUT_MS: '60000',
          NEON_HTTP_ENDPOINT: inject('neonEndpoint'),
          DATABASE_URL: inject('databaseUrl'),
        },
      },
    })),
  ],
  test: {
    name,
    include: [include],
    globalSetup: ['./test/support/node/global-setup.ts'],
    setupFiles: ['./test/support/worker/clean-up.ts'],
    testTimeout: timeoutMs,
    // A start of workerd with all modules takes longer than most files; each test brings accounts of its own.
    isolate: false,
  },
});

/** In Node; what needs a server starts it as a person would. */
const inNode = (name: string, include: string, timeoutMs: number, globalSetup: string[] = []) => ({
  extends: true as const,
  test: {
    name,
    include: [include],
    globalSetup,
    environment: 'node',
    testTimeout: timeoutMs,
    // A set-up may start a database.
    hookTimeout: Math.max(timeoutMs, 60_000),
  },
});

export default defineConfig({
  test: {
    // A busy machine can let one time-bound test slip; a rule that is broken fails twice.
    retry: process.env.CI ? 1 : 0,
    // A file waits for its database half of the time.
    maxWorkers: Number(process.env.VITEST_MAX_WORKERS) || Math.max(2, availableParallelism()),
    // Progress is one line per file, and what the app logs is shown for a test that fails.
    silent: 'passed-only',
    slowTestThreshold: 60_000,
    projects: [
      inNode('unit', 'test/unit/**/*.test.ts', 60_000),
      inWorkerd('worker', 'test/worker/**/*.test.ts', 30_000),
      inNode('stack', 'test/stack/**/*.test.ts', 180_000),
      inWorkerd('security', 'test/security/**/*.test.ts', 120_000),
      inWorkerd('faults', 'test/faults/**/*.test.ts', 120_000),
      inNode('e2e', 'test/e2e/**/*.test.ts', 120_000, ['./test/e2e/global-setup.ts']),
    ],
  },
});
