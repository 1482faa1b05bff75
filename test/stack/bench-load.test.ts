import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findLoadGenerator } from '../../scripts/bench/http/load.ts';

const generators = ['wrk', 'autocannon'] as const;
const hasWrk = spawnSync('wrk', ['--version']).error === undefined;

const requests = [
  { method: 'GET', path: '/me', headers: { Cookie: 'session=one' }, body: '' },
  {
    method: 'POST',
    path: '/login',
    headers: { 'Content-Type': 'application/json' },
    body: '{"name":"größer"}',
  },
] as const;

describe.each(generators)('load by %s', (name) => {
  const skipped = name === 'wrk' && !hasWrk;
  let directory: string;
  let server: Server;
  let status: number;
  const seen = new Set<string>();

  const tell = async (request: IncomingMessage): Promise<string> => {
    const { method, url, headers } = request;
    return [method, url, headers.cookie, headers['content-type'], await text(request)]
      .filter(Boolean)
      .join(' ');
  };

  beforeEach(async () => {
    status = 200;
    seen.clear();
    directory = await mkdtemp(join(tmpdir(), 'itsor-load-'));
    server = createServer(async (request, response) => {
      seen.add(await tell(request));
      response.writeHead(status).end('an answer');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true });
  });

  const measure = async () => {
    const generator = await findLoadGenerator(directory, name);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return generator.measure({ url, requests, connections: 2, seconds: 1 });
  };
  const why = skipped ? ' (wrk is not installed)' : '';

  test.skipIf(skipped)(`sends every request as it is, and counts the answers${why}`, async () => {
    const result = await measure();
    expect([...seen].sort()).toEqual([
      'GET /me session=one',
      'POST /login application/json {"name":"größer"}',
    ]);
    expect(result.requests).toBeGreaterThan(10);
    expect(result.perSecond).toBeGreaterThan(10);
    expect(await readdir(directory)).toEqual([]);
  });

  test.skipIf(skipped)(`refuses to call a failing server fast${why}`, async () => {
    status = 503;
    await expect(measure()).rejects.toThrow(/^\d+ of \d+ requests to http:\S+\/me failed\.$/);
  });
});
