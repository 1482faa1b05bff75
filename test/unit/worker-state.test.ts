import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { waitForWorker } from '../../scripts/stack/worker-state.ts';

const forever = new AbortController().signal;

it('the wait for the Worker ends with the last reason, and not never', async () => {
  const server = createServer((_, response) => response.writeHead(500).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(waitForWorker(url, forever, 300)).rejects.toThrow(
    `The Worker has not answered at ${url} for 0.3 seconds: GET /healthz is answered 500`,
  );
  server.close();
  await once(server, 'close');
  await expect(waitForWorker(url, forever, 300)).rejects.toThrow(/: connect ECONNREFUSED/);
});

it('the wait for the Worker names a port that fetch blocks', async () => {
  await expect(waitForWorker('http://127.0.0.1:6000', forever, 200)).rejects.toThrow(/: bad port/);
});
