import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { Report } from '../../scripts/doctor/report.ts';
import { environmentOf } from '../../scripts/program/child.ts';
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
    expect(smoke.output.trim().split('\n').at(-1)).toBe('✓ the deleted account cannot log in');
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
  for (const email of ['ada', 'a@b@c', 'a b@c', '@c', 'a@']) {
    const odd = await runProgram('scripts/smoke.ts', ['--url', 'http://127.0.0.1:9', '--email', email]);
    expect([odd.status, odd.output]).toEqual([1, '--email wants an e-mail address: name@domain.\n']);
  }
  const empty = await runProgram('scripts/smoke.ts', ['--url', 'http://127.0.0.1:9', '--email', '']);
  expect(empty.output).toMatch(/^--email is empty\./);
});

const serve = async (listener: RequestListener) => {
  const service = createServer(listener).listen(0, '127.0.0.1');
  await once(service, 'listening');
  return {
    url: `http://127.0.0.1:${(service.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      service.closeAllConnections();
      service.close();
    },
  };
};

test.each<[string, RequestListener, string]>([
  [
    'a body that is not JSON',
    (_, response) => response.end('<html>'),
    'answers with a body that is not JSON',
  ],
  ['no end', (_, response) => void response.write('{'), 'does not come to an end: '],
])('the smoke test says a sentence about an answer with %s', async (_, listener, says) => {
  await using service = await serve((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    listener(request, response);
  });
  const run = await runProgram('scripts/smoke.ts', ['--url', service.url]);
  expect(run).toMatchObject({ status: 1, output: expect.stringContaining(says) });
  expect(run.output.trim().split('\n')).toHaveLength(1);
});

test.each([
  ['SIGINT', 204, /stopped before its end\.\n$/, []],
  [
    'SIGTERM',
    500,
    /stopped before its end\.\n✗ The account itsor-smoke\+\w+@example\.com is left\.\n$/,
    ['POST /auth/token'],
  ],
] as const)(
  'the smoke test that gets %s deletes its account, answered %i',
  async (signal, status, says, more) => {
    const calls: string[] = [];
    let stop = () => {};
    await using service = await serve((request, response) => {
      calls.push(`${request.method} ${request.url}`);
      response.setHeader('Content-Type', 'application/json');
      if (request.url === '/auth/signup') {
        stop();
        // The signal comes before the answer does.
        setTimeout(() => response.writeHead(201).end('{"access_token":"t"}'), 300);
      } else
        response
          .writeHead(request.method === 'DELETE' ? status : 200)
          .end(request.method === 'DELETE' ? '' : '{}');
    });
    const child = spawn(process.execPath, ['scripts/smoke.ts', '--url', service.url], {
      env: environmentOf({}),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    stop = () => void child.kill(signal);
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect(code).toBe(1);
    expect(said).toMatch(says);
    expect(calls.slice(2)).toEqual(['POST /auth/signup', 'DELETE /users/me', ...more]);
  },
);

/** A service with one account, which can lose an answer on its way; `accounts` says whether the account is there. */
const withAccount = (loses: string, refuses = '') => {
  const calls: string[] = [];
  const state = { exists: false };
  const listener: RequestListener = (request, response) => {
    const call = `${request.method} ${request.url}`;
    calls.push(call);
    const isFirst = calls.filter((each) => each === call).length === 1;
    if (call === 'POST /auth/signup') state.exists = true;
    if (call === 'DELETE /users/me' && refuses !== call) state.exists = false;
    if (loses === call && isFirst) return void request.socket.destroy();
    const answer = { 'POST /auth/signup': 201, 'DELETE /users/me': refuses === call ? 500 : 204 }[call];
    const status = call === 'POST /auth/token' && !state.exists ? 401 : (answer ?? 200);
    response.setHeader('Content-Type', 'application/json');
    response.writeHead(status).end(status === 204 ? '' : '{"access_token":"t"}');
  };
  return { calls, state, listener };
};

test.each(['POST /auth/signup', 'DELETE /users/me'])(
  'the smoke test that loses the answer to %s leaves no account behind',
  async (loses) => {
    const { state, listener } = withAccount(loses);
    await using service = await serve(listener);
    const run = await runProgram('scripts/smoke.ts', ['--url', service.url]);
    expect(run).toMatchObject({ status: 1, output: expect.stringContaining('does not answer') });
    expect(run.output).not.toContain('left');
    expect(state.exists).toBe(false);
  },
);

test('the smoke test tells of an account that it cannot delete', async () => {
  const { listener } = withAccount('', 'DELETE /users/me');
  await using service = await serve(listener);
  const run = await runProgram('scripts/smoke.ts', ['--url', service.url]);
  expect(run.status).toBe(1);
  expect(run.output).toMatch(
    /✗ deletion: 500[^\n]*\n✗ The account itsor-smoke\+\w+@example\.com is left\.\n$/,
  );
});

test('the smoke test deletes its account although the reader of its output has gone', async () => {
  const { calls, state, listener } = withAccount('');
  await using service = await serve(listener);
  const child = spawn(process.execPath, ['scripts/smoke.ts', '--url', service.url], {
    env: environmentOf({}),
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  expect([code, state.exists]).toEqual([0, false]);
  expect(calls).toContain('DELETE /users/me');
});
