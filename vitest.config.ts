import { cloudflareTest } from '@cloudflare/vitest-pool-workers';
import { defineConfig } from 'vitest/config';

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
    testTimeout: timeoutMs,
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
    hookTimeout: timeoutMs,
  },
});

export default defineConfig({
  test: {
    // A busy machine can let one time-bound test slip; a rule that is broken fails twice.
    retry: process.env.CI ? 1 : 0,
    projects: [
      inNode('unit', 'test/unit/**/*.test.ts', 10_000),
      inWorkerd('worker', 'test/worker/**/*.test.ts', 30_000),
      inNode('stack', 'test/stack/**/*.test.ts', 180_000),
      inWorkerd('faults', 'test/faults/**/*.test.ts', 120_000),
      inNode('e2e', 'test/e2e/**/*.test.ts', 120_000, ['./test/e2e/global-setup.ts']),
    ],
  },
});
