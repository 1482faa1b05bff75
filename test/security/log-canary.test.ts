import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { createClient, password } from '../support/worker/client.ts';
import { type Fault, injectFault } from '../support/worker/database-faults.ts';
import { fieldsOf } from '../support/worker/fuzz/fields.ts';
import { readOpenApi } from '../support/worker/fuzz/openapi.ts';
import { type Holder, openHolder, sendAs } from '../support/worker/fuzz/send.ts';

const canary = 'kAnArY7';
/** Texts that get past one check or another, so that later ones see the canary too. */
const shapes = [canary, `${canary}@${canary}.example`, `correct horse ${canary} battery`, `"${canary}\n{`];

const quiet = createClient({ LOG_LEVEL: 'error' });
const fields = fieldsOf(await readOpenApi(quiet));

let written: MockInstance<typeof console.log>;
beforeEach(() => {
  written = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => vi.restoreAllMocks());

const log = () => written.mock.calls.flat().join('\n');
/** The lines that have what they should not. */
const linesWith = (texts: readonly string[]) =>
  log()
    .split('\n')
    .filter((line) => texts.some((text) => line.toLowerCase().includes(text.toLowerCase())));

/** PostgreSQL quotes what it was given: in messages, in details, and in the statement's context. */
const quotingFault: Fault = async ({ run }) => {
  await run();
  const body = {
    message: `invalid input syntax for type uuid: "${canary}"`,
    code: '22P02',
    severity: 'ERROR',
    detail: `Key (email)=(${canary}) already exists.`,
    hint: canary,
    where: `unnamed portal parameter $1 = '${canary}'`,
    internalQuery: canary,
  };
  return Response.json(body, { status: 400 });
};

const variables = { LOG_LEVEL: 'debug', RATE_LIMIT_MAX: '100000', ENABLE_METRICS: '0' };

describe.each(['0', '1'])('with LOG_PRETTY=%s, the log', (pretty) => {
  const client = createClient({ ...variables, LOG_PRETTY: pretty });
  let holder: Holder;

  const sendEverything = async () => {
    for (const field of fields) {
      await Promise.all(
        shapes.map((text, at) => sendAs(client, holder, `192.0.2.${at + 1}`, field.requestWith(text))),
      );
    }
  };
  const secrets = () => [
    password,
    holder.account.user.email,
    holder.account.access_token,
    holder.account.refresh_token,
    holder.account.access_token.split('.').at(-1) ?? '',
    canary,
  ];

  beforeEach(async () => {
    holder = await openHolder(quiet);
  });

  // Proves ASVS 16.4.1.
  it('has nothing of what clients put into any field of any route', { timeout: 300_000 }, async () => {
    await sendEverything();
    expect(log().split('\n').length).toBeGreaterThan(fields.length);
    expect(linesWith(secrets())).toEqual([]);
  });

  it('has nothing of it either when the database fails, and quotes it', { timeout: 300_000 }, async () => {
    const { repair } = injectFault(quotingFault);
    await sendEverything();
    repair();
    expect(linesWith(['22P02']).length).toBeGreaterThan(10);
    expect(linesWith(secrets())).toEqual([]);
  });

  it('has nothing of headers, cookies, paths and queries', async () => {
    const names = [
      'User-Agent',
      'Referer',
      'Origin',
      'X-Forwarded-For',
      'Accept',
      'Content-Type',
      'tracestate',
      'X-Any',
    ];
    const headers = Object.fromEntries(names.map((name) => [name, canary]));
    const credentials = [
      { Authorization: `Bearer ${canary}` },
      { Authorization: `Basic ${canary}` },
      { Cookie: `itsor_session=${canary}; itsor_session_refresh=${canary}; other=${canary}` },
    ];
    for (const credential of credentials) {
      for (const path of [
        `/${canary}`,
        `/users/${canary}?q=${canary}`,
        `/auth/me?token=${canary}`,
        '/auth/refresh',
      ]) {
        await client('POST', path, { headers: { ...headers, ...credential }, body: `{"${canary}":` });
        await client('GET', path, { headers: { ...headers, ...credential } });
      }
    }
    expect(log()).not.toBe('');
    expect(linesWith([canary])).toEqual([]);
  });
});
