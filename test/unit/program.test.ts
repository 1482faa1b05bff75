import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

/** Starts a program whose `main` has the given body. */
const startProgram = (body: string, proxies: Record<string, string> = {}) =>
  spawn(
    process.execPath,
    [
      ...['--input-type=module', '--eval'],
      `import { CliError, runProgram } from './scripts/program/cli.ts'; runProgram(async () => { ${body} });`,
    ],
    { env: { ...process.env, NO_PROXY: undefined, no_proxy: undefined, ...proxies } },
  );

it('a program ends in order although the reader of its output has gone', async () => {
  const child = startProgram(`
    for (let line = 0; line < 20; line++) {
      process.stdout.write(line + '\\n');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    console.error('the work is done');`);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [said, [status]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  expect([said, status]).toEqual(['the work is done\n', 0]);
});

it('a program prints a CliError as one sentence, and its exit code is 1', async () => {
  const child = startProgram("throw new CliError('The port is taken.');");
  const [said, [status]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  expect([said, status]).toEqual(['The port is taken.\n', 1]);
});

it.each([
  [{}, 'localhost,127.0.0.1,::1,[::1]'],
  [{ NO_PROXY: 'intra.example' }, 'intra.example,localhost,127.0.0.1,::1,[::1]'],
  [{ no_proxy: 'small.example', NO_PROXY: 'large.example' }, 'small.example,localhost,127.0.0.1,::1,[::1]'],
  [{ NO_PROXY: '*' }, '*'],
])('a program and its children reach this machine past a proxy, beside %j', async (given, expected) => {
  const child = startProgram('console.log(process.env.NO_PROXY);', given);
  expect((await text(child.stdout)).trim()).toBe(expected);
});
