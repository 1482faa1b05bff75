import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectDirectory } from '../../scripts/program/project.ts';
import { findFreePort } from '../../scripts/stack/service-process.ts';
import { type Launch, startStack } from '../support/node/stack.ts';

const folder = mkdtempSync(join(tmpdir(), 'itsor-client-'));
const bin = (name: string) => join(projectDirectory, 'node_modules/.bin', name);
let stack: Launch;

/** @returns what the program has printed @throws with it if the program fails */
const run = async (program: string, ...args: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(program, args, { cwd: folder }).catch(({ stdout, stderr }) => {
    throw new Error(`${stdout}${stderr}`);
  });
  return stdout;
};

/** What an author of a client writes: it has to compile as it stands, and to run. */
const use = `
import * as itsor from './client.ts';

const email = 'ada@example.com';
const password = 'correct horse battery staple';
const opened = await itsor.postAuthSignup({ email, password, scope: 'offline_access' });
if (opened.status !== 201) throw new Error('sign-up: ' + opened.status);
const { access_token: token, refresh_token: refreshToken } = opened.data;

const me = await itsor.getAuthMe({ headers: { Authorization: 'Bearer ' + token } });
if (me.status !== 200 || me.data.email !== email) throw new Error('me: ' + me.status);

const empty = await itsor.postAuthRefresh();
if (empty.status !== 401 || empty.data.code !== 'refresh_token_invalid') throw new Error('empty: ' + empty.status);

const Cookie = 'acme_refresh=' + refreshToken;
const byCookie = await itsor.postAuthRefresh(undefined, { headers: { Cookie } });
if (byCookie.status !== 200) throw new Error('refresh by cookie: ' + byCookie.status);

const byBody = await itsor.postAuthRefresh({ refresh_token: byCookie.data.refresh_token ?? String(refreshToken) });
if (byBody.status !== 200) throw new Error('refresh by body: ' + byBody.status);

// @ts-expect-error: a login needs a body.
const noLogin = () => itsor.postAuthToken();
// @ts-expect-error: so does a sign-up, with a password.
const noSignup = () => itsor.postAuthSignup({ email });
console.log('works', typeof noLogin, typeof noSignup);
`;

const options = {
  compilerOptions: {
    target: 'esnext',
    module: 'esnext',
    moduleResolution: 'bundler',
    lib: ['esnext', 'dom'],
    types: ['node'],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
  },
  include: ['*.ts'],
};

beforeAll(async () => {
  const port = await findFreePort();
  stack = await startStack({
    port,
    env: { API_URL: `http://localhost:${port}`, SESSION_COOKIE_NAME: 'acme' },
  });
  symlinkSync(join(projectDirectory, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options));
  writeFileSync(join(folder, 'use.ts'), use);
});
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('a client that oazapfts generates from the served document', () => {
  it('compiles without a body where none is needed, and works without any setting', async () => {
    const response = await fetch(new URL('/openapi.json', stack.url));
    writeFileSync(join(folder, 'openapi.json'), await response.text());
    await run(bin('oazapfts'), 'openapi.json', 'client.ts');
    await run(bin('tsc'), '-p', '.');
    expect(await run(process.execPath, 'use.ts')).toContain('works');
  });
});
