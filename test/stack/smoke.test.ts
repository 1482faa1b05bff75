import { expect, test } from 'vitest';
import type { Report } from '../../scripts/doctor/render.ts';
import { runProgram } from '../support/node/program.ts';
import { startStack } from '../support/node/stack.ts';

test('the smoke test passes on a service that runs, and leaves nothing behind; the doctor finds it sound', async () => {
  const stack = await startStack();
  try {
    const ready = (await (await fetch(`${stack.url}/readyz`)).json()) as { version: string };
    const smoke = await runProgram('scripts/smoke.ts', [
      ...['--url', stack.url, '--email', 'smoke@example.com', '--version', ready.version],
    ]);
    expect(smoke.output).toContain(`✓ version ${ready.version}`);
    expect(smoke.output.trim().split('\n').at(-1)).toBe('✓ and then no account');
    expect(smoke.status).toBe(0);

    const doctor = await runProgram('scripts/doctor/doctor.ts', ['--json', '--url', stack.url]);
    const { findings } = JSON.parse(doctor.output) as Report;
    expect(findings.filter(({ level }) => level === 'failure')).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual(expect.arrayContaining(['/readyz', 'cookies']));
  } finally {
    await stack.stop();
  }
});

test('the smoke test stops at the first thing that is wrong, with a sentence', async () => {
  const gone = await runProgram('scripts/smoke.ts', ['--url', 'http://127.0.0.1:9']);
  expect(gone.status).toBe(1);
  expect(gone.output).toContain('does not answer');
  expect(gone.output).not.toContain(' at ');
  expect((await runProgram('scripts/smoke.ts')).output).toContain('--url is needed');
  const told = await runProgram('scripts/smoke.ts', ['--url', 'http://bob:hunter2@127.0.0.1:9']);
  expect(told.output).toContain('--url wants a URL without a user name and password');
  expect(told.output).not.toContain('hunter2');
  const empty = await runProgram('scripts/smoke.ts', ['--url', 'http://127.0.0.1:9', '--email', '']);
  expect(empty.output).toMatch(/^--email is empty\./);
});
