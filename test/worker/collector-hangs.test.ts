import { env } from 'cloudflare:test';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import worker from '../../src/index.ts';
import { newBatch } from '../support/worker/invocations.ts';
import { newMail } from '../support/worker/outbox.ts';

const collector = 'https://collector.example';
const variables = { ENABLE_METRICS: '1', OTEL_EXPORTER_OTLP_ENDPOINT: collector };
const bindings = { ...env, ...variables } as unknown as Bindings;

/** One that nobody waits for, as the platform would. */
const invocation = { waitUntil: vi.fn() } as unknown as ExecutionContext;

/** The collector takes everything and says nothing, for longer than any test lasts. */
let asked: string[];
beforeEach(() => {
  asked = [];
  const { fetch } = globalThis;
  vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
    const { url } = new Request(input, init);
    if (!url.startsWith(collector)) return fetch(input, init);
    asked.push(url);
    return new Promise(() => {});
  });
});
afterEach(() => void vi.restoreAllMocks());

it('does not delay a message of a queue, which is acknowledged before its trace is sent', async () => {
  const { id } = await newMail(new Date());
  const { batch, fate } = newBatch('itsor-mail', [id]);
  await worker.queue(batch, bindings, invocation);
  expect(fate.acked).toEqual([id]);
  expect(invocation.waitUntil).toHaveBeenCalled();
  expect(asked).toEqual([`${collector}/v1/traces`]);
});

it('does not delay the answer with the metrics', async () => {
  const get = (path: string) =>
    worker.fetch(new Request(`http://localhost:3002${path}`), bindings, invocation);
  expect((await get('/auth/me')).status).toBe(401);
  const response = await get('/metrics');
  expect(response.status).toBe(200);
  expect(await response.text()).toMatch(
    /itsor_http_requests_total\{method="GET",route="\/auth\/me",status="401"\}/,
  );
});
