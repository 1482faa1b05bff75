import { execFile } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Report } from '../../scripts/doctor/render.ts';
import { startStack } from '../support/node/stack.ts';

const run = (program: string, ...args: string[]): Promise<{ status: number; output: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code) : 0, output: stdout + stderr }),
    );
  });

test('the smoke test passes on a service that runs, and leaves nothing behind; the doctor finds it sound', async () => {
  const stack = await startStack();
  try {
    const smoke = await run('scripts/smoke.ts', '--url', stack.url, '--email', 'smoke@example.com');
    expect(smoke.output.trim().split('\n').at(-1)).toBe('✓ and then no account');
    expect(smoke.status).toBe(0);

    const doctor = await run('scripts/doctor/doctor.ts', '--json', '--url', stack.url);
    const { findings } = JSON.parse(doctor.output) as Report;
    expect(findings.filter(({ level }) => level === 'failure')).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual(expect.arrayContaining(['/readyz', 'cookies']));
  } finally {
    await stack.stop();
  }
});

test('the smoke test stops at the first thing that is wrong, with a sentence', async () => {
  const gone = await run('scripts/smoke.ts', '--url', 'http://127.0.0.1:9');
  expect(gone.status).toBe(1);
  expect(gone.output).toContain('does not answer');
  expect(gone.output).not.toContain(' at ');
  expect((await run('scripts/smoke.ts')).output).toContain('--url is needed');
});
