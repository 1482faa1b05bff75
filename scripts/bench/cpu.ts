import { CliError, runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { withoutLimits, withStack } from './stack.ts';
import { cpuMsOf } from './workerd.ts';

const usage = `npm run bench:cpu
  How long workerd computes for a request of each kind, all its threads together, with the default cost of Argon2id. The
  waiting for the database is not in it. docs/costs.md uses the figures. Linux only.`;

const count = 150;
const password = 'correct horse battery staple';
const emailOf = (index: number) => `account-${index}@example.com`;

runProgram(async () => {
  readOptions({}, usage);
  await withStack(
    async ({ startBareWorker }) => {
      const { url, process } = await startBareWorker(withoutLimits);
      const send = async (path: string, body: object | null, bearer = '') => {
        const response = await fetch(`${url}${path}`, {
          method: body ? 'POST' : 'GET',
          headers: {
            ...(body && { 'Content-Type': 'application/json' }),
            ...(bearer && { Authorization: `Bearer ${bearer}` }),
          },
          body: body && JSON.stringify(body),
        });
        const text = await response.text();
        if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
        return JSON.parse(text) as { access_token: string; refresh_token: string };
      };
      const read = (): number => {
        const ms = cpuMsOf(process.pid);
        if (ms === null) throw new CliError('✗ Only Linux tells how long a process has computed.');
        return ms;
      };
      const measure = async (name: string, run: (index: number) => Promise<unknown>) => {
        for (let index = 0; index < 10; index++) await run(count + index);
        const beforeMs = read();
        for (let index = 0; index < count; index++) await run(index);
        console.log(`${name.padEnd(16)} ${((read() - beforeMs) / count).toFixed(1)} ms`);
      };

      await measure('health', () => send('/health', null));
      await measure('sign up', (index) => send('/auth/signup', { email: emailOf(index), password }));
      const login = (index: number) =>
        send('/auth/token', { email: emailOf(index), password, scope: 'offline_access' });
      await measure('log in', login);
      let { access_token: bearer, refresh_token: token } = await login(0);
      await measure('who am I', () => send('/auth/me', null, bearer));
      await measure('refresh', async () => {
        ({ access_token: bearer, refresh_token: token } = await send('/auth/refresh', {
          refresh_token: token,
        }));
      });
    },
    { limitMs: 120_000 },
  );
});
