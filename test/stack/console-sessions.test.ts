import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectDirectory } from '../../scripts/program/project.ts';
import { pages, readPage } from '../support/node/documents.ts';
import { type Launch, startStack } from '../support/node/stack.ts';
import { type RunningWorker, startExample } from '../support/node/worker.ts';

const lacking = ['curl', 'jq'].filter((program) => spawnSync(program, ['--version']).status !== 0);

/** The requests that a page shows, each a line of a shell. */
const requestsOf = (page: string) => readPage(page).filter(({ command }) => command.includes('curl '));
const pagesWithRequests = pages.filter((page) => requestsOf(page).length > 0);

/** What differs from one run to another. */
const masked = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replaceAll(/\d{4}-\d{2}-\d{2}T[\d:.]+Z/g, '<time>')
    .replaceAll(/curl\/[\d.]+/g, 'curl/<version>');

const password = 'correct horse battery';
const metricsToken = 'metrics-token-of-the-console-sessions';
/** The service of docs/introspection.md. */
const [introspectionClient = ''] =
  /\borders=sha256:\S+/.exec(readFileSync(join(projectDirectory, 'docs/introspection.md'), 'utf8')) ?? [];

describe.skipIf(lacking.length > 0)(
  `sessions at the console${lacking.length > 0 ? ` (${lacking.join(' and ')} cannot be found)` : ''}`,
  () => {
    let stack: Launch;
    let orders: RunningWorker;
    let directory: string;

    /** Runs lines in one shell, and stops at the first that fails. */
    const run = (lines: readonly string[]): string[] => {
      const between = '\u0000';
      const script = lines.map((line) => `${line}\nprintf '\\0'`).join('\n');
      const { stdout, stderr, status } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
        cwd: directory,
        encoding: 'utf8',
        env: {
          ...process.env,
          ITSOR: stack.url,
          PASSWORD: password,
          METRICS_TOKEN: metricsToken,
          DATA_DIR: stack.dataDirectory,
        },
      });
      expect({ status, stderr }, lines[stdout.split(between).length - 1]).toMatchObject({ status: 0 });
      return stdout.split(between).slice(0, -1);
    };

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'itsor-console-'));
      stack = await startStack({
        env: {
          ENABLE_METRICS: '1',
          METRICS_TOKEN: metricsToken,
          JWT_AUDIENCES: 'https://orders.example',
          INTROSPECTION_CLIENTS: introspectionClient,
        },
      });
      orders = await startExample('orders', stack.dataDirectory);
      const signUp = `curl -sf $ITSOR/auth/signup -H 'Content-Type: application/json'`;
      const guess = `curl -s $ITSOR/auth/token -d grant_type=password -d username=user1@example.com -d password=wrong`;
      run([
        `printf %s "$PASSWORD" | ${process.execPath} ${join(projectDirectory, 'scripts/admin-create.ts')} --email ops@example.com --username ops`,
        `${signUp} -d '{"email":"user1@example.com","password":"${password}"}'`,
        ...Array.from({ length: 6 }, () => guess),
      ]);
    });
    afterAll(async () => {
      await orders?.stop();
      await stack?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    test.each(pagesWithRequests)('the requests of %s are answered as it shows', (page) => {
      const requests = requestsOf(page);
      const logIn = `TOKEN=$(curl -s $ITSOR/auth/token -d grant_type=password -d username=ops --data-urlencode "password=$PASSWORD" | jq -r .access_token); token=$TOKEN`;
      const lines = requests.map(({ command }) =>
        command.replaceAll('localhost:3002', '$ITSOR').replaceAll('localhost:8790', orders.url),
      );
      const [, ...outputs] = run([logIn, ...lines]);
      if (page !== 'README.md') return expect(outputs).toHaveLength(requests.length);
      expect(outputs.map(masked)).toEqual(requests.map(({ output }) => masked(output)));
    });
  },
);
