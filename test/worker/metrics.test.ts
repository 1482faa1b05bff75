import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import { eicar } from '../../src/platform/scanners/builtin.ts';
import type { MetricsGatherer } from '../../src/platform/telemetry/metrics-object.ts';
import { createClient, newAccount, newEmail, password } from '../support/worker/client.ts';
import { consume, runSchedule } from '../support/worker/invocations.ts';
import { newMail } from '../support/worker/outbox.ts';
import { sendTelemetryAtOnce } from '../support/worker/telemetry.ts';
import { bytesOf, createUploader, uploadFile, workOn } from '../support/worker/uploads.ts';

sendTelemetryAtOnce();

const token = 'metrics-token-of-this-test';
const variables = { ENABLE_METRICS: '1', METRICS_TOKEN: token };
const gatherers = (env as { METRICS_GATHERER: DurableObjectNamespace<MetricsGatherer> }).METRICS_GATHERER;

/** The value of a sample, by its name and labels as printed; 0 for a missing sample. */
const sampleIn = (text: string, sample: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${sample} `))
      ?.slice(sample.length + 1) ?? 0,
  );

const newScraper = (given: Record<string, string> = {}) => {
  const client = createClient({ ...variables, ...given });
  const scrape = async () => (await client('GET', '/metrics', { bearer: token })).text();
  /** How much each sample rose during the work. */
  const during = async (work: () => Promise<unknown>) => {
    const before = await scrape();
    await work();
    const after = await scrape();
    return (sample: string) => sampleIn(after, sample) - sampleIn(before, sample);
  };
  return { client, scrape, during };
};

describe('/metrics', () => {
  // Proves ASVS 13.4.5.
  it('does not exist while metrics are off', async () => {
    const response = await createClient()('GET', '/metrics', { bearer: token });
    expect(response.status).toBe(404);
  });

  it.each([
    ['no token', {}],
    ['another token', { headers: { Authorization: `Bearer ${token}x` } }],
    ['another scheme', { headers: { Authorization: `Basic ${token}` } }],
    ['the token as a cookie', { cookies: { itsor_session: token } }],
  ])('is 401 with %s', async (_, init) => {
    const response = await newScraper().client('GET', '/metrics', init);
    expect(response.status).toBe(401);
    expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer/);
    expect(await response.text()).not.toContain('itsor_http');
  });

  it('accepts the token, and refuses the session of an administrator', async () => {
    const { client } = newScraper();
    const { access_token } = await newAccount(createClient());
    expect((await client('GET', '/metrics', { bearer: access_token })).status).toBe(401);
    const response = await client('GET', '/metrics', { bearer: token });
    expect(response.status).toBe(200);
    expect(response.headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.headers.get('Cache-Control')).toBe('no-store');
  });

  it('counts requests by the matched route, never by a path that a client made up', async () => {
    const { client, scrape, during } = newScraper();
    const made = crypto.randomUUID();
    const rise = await during(async () => {
      await client('GET', '/healthz');
      await client('GET', `/nowhere/${made}`);
      await client('GET', `/users/${made}`);
      await client('HEAD', '/healthz');
    });
    expect(rise('itsor_http_requests_total{method="GET",route="/healthz",status="200"}')).toBe(1);
    expect(rise('itsor_http_requests_total{method="HEAD",route="/healthz",status="200"}')).toBe(1);
    expect(rise('itsor_http_requests_total{method="GET",route="unmatched",status="404"}')).toBe(1);
    expect(rise('itsor_problems_total{code="not_found"}')).toBe(1);
    expect(rise('itsor_http_requests_total{method="GET",route="/users/:id",status="401"}')).toBe(1);
    expect(rise('itsor_http_request_duration_seconds_count{method="GET",route="/healthz"}')).toBe(1);
    expect(await scrape()).not.toContain(made);
  });

  it('counts the steps of good and bad logins', async () => {
    const { client, during } = newScraper();
    const email = newEmail();
    const rise = await during(async () => {
      await client('POST', '/auth/signup', { json: { email, password } });
      await client('POST', '/auth/token', { json: { email, password: 'not this one at all' } });
      await client('POST', '/auth/token', { json: { email, password } });
    });
    expect(rise('itsor_password_hash_duration_seconds_count')).toBe(3);
    // The check of a new password waits for its turn like a hash.
    expect(rise('itsor_password_hash_queue_length_count')).toBe(4);
    expect(rise('itsor_login_guard_decisions_total{decision="admitted"}')).toBe(2);
    expect(rise('itsor_login_attempts_total{outcome="succeeded"}')).toBe(1);
    expect(rise('itsor_login_attempts_total{outcome="failed"}')).toBe(1);
    expect(rise('itsor_problems_total{code="invalid_credentials"}')).toBe(1);
    expect(rise('itsor_rate_limit_decisions_total{policy="login",decision="admitted"}')).toBe(2);
    expect(rise('itsor_durable_object_duration_seconds_count{object="RateLimiter"}')).toBeGreaterThanOrEqual(
      3,
    );
    expect(rise('itsor_durable_object_duration_seconds_count{object="LoginGuard"}')).toBe(4);
    // The sign-up, the account twice, the record of the failure, the session.
    expect(rise('itsor_database_round_trips_total{outcome="ok"}')).toBe(5);
  });

  it('a login that the guard refuses costs no hash', async () => {
    const { client, during } = newScraper({ LOGIN_BRUTE_MAX_ATTEMPTS: '1' });
    const email = newEmail();
    const login = () => client('POST', '/auth/token', { json: { email, password } });
    expect((await login()).status).toBe(401);
    const rise = await during(async () => expect((await login()).status).toBe(429));
    expect(rise('itsor_login_guard_decisions_total{decision="locked"}')).toBe(1);
    expect(rise('itsor_password_hash_duration_seconds_count')).toBe(0);
  });

  it('counts refreshes by their outcome', async () => {
    const { client, during } = newScraper({ REFRESH_REUSE_GRACE_SECONDS: '0' });
    const { refresh_token } = await newAccount(client);
    const refresh = (given: string) => client('POST', '/auth/refresh', { json: { refresh_token: given } });
    const rise = await during(async () => {
      const second = (await (await refresh(refresh_token)).json()) as { refresh_token: string };
      await refresh(second.refresh_token);
      await refresh(refresh_token);
      await refresh('rubbish');
    });
    expect(rise('itsor_refreshes_total{outcome="refreshed"}')).toBe(2);
    expect(rise('itsor_refreshes_total{outcome="reused"}')).toBe(1);
    expect(rise('itsor_refreshes_total{outcome="unknown"}')).toBe(1);
  });

  it('counts the failures of a database and the 503 that follow', async () => {
    const { client, during } = newScraper({ NEON_HTTP_ENDPOINT: 'http://127.0.0.1:9/sql' });
    const rise = await during(() => client('POST', '/auth/password/forgot', { json: { email: newEmail() } }));
    expect(rise('itsor_database_round_trips_total{outcome="failed"}')).toBe(1);
    expect(rise('itsor_problems_total{code="service_unavailable"}')).toBe(1);
  });
});

describe('uploads', () => {
  const given = { ...variables, LOG_LEVEL: 'error' };
  const client = createUploader(given);
  const scrape = async () => (await client('GET', '/metrics', { bearer: token })).text();
  const transitions = async () => {
    const text = await scrape();
    return (status: string) => sampleIn(text, `itsor_upload_transitions_total{status="${status}"}`);
  };

  it('each state that an upload reaches is counted once', async () => {
    const { access_token: bearer } = await newAccount(client);
    const before = await transitions();
    const clean = await uploadFile(client, bearer);
    await workOn(clean, given);
    await workOn(clean, given);
    const infected = await uploadFile(client, bearer, bytesOf(eicar), {
      filename: 'eicar.txt',
      content_type: 'text/plain',
    });
    await workOn(infected, given);
    await client('POST', `/uploads/${clean}/complete`, { bearer });
    const after = await transitions();
    const rises = ['pending', 'scanning', 'clean', 'infected'].map(
      (status) => after(status) - before(status),
    );
    expect(rises).toEqual([2, 2, 1, 1]);
  });
});

it('attempts to send a mail are counted by their outcome', async () => {
  const { during } = newScraper();
  const { id } = await newMail(new Date());
  const bindings = { ...env, ...variables } as unknown as Bindings;
  const rise = await during(() => consume('itsor-mail', [id], bindings));
  expect(rise('itsor_mails_total{outcome="sent"}')).toBe(1);
});

describe('the scheduled jobs', () => {
  it('scheduled runs are counted, and set the gauges from the database', async () => {
    const client = createClient(variables);
    const bindings = { ...env, ...variables, MAIL_QUEUE: { send: async () => {} } } as unknown as Bindings;
    const scrape = async () => (await client('GET', '/metrics', { bearer: token })).text();
    const before = sampleIn(await scrape(), 'itsor_scheduled_runs_total{trigger="cron",outcome="ok"}');
    await runSchedule(bindings);
    const text = await scrape();
    expect(sampleIn(text, 'itsor_scheduled_runs_total{trigger="cron",outcome="ok"}') - before).toBe(1);
    for (const sample of [
      'itsor_outbox_mails{state="waiting"}',
      'itsor_outbox_mails{state="delayed"}',
      'itsor_uploads{status="pending"}',
      'itsor_uploads{status="scanning"}',
      'itsor_work_overdue_seconds{kind="mail"}',
      'itsor_work_overdue_seconds{kind="upload"}',
    ])
      expect(text).toContain(`\n${sample} `);
  });
});

describe('the gatherer', () => {
  const newGatherer = () => gatherers.getByName(crypto.randomUUID());
  const batch = (isolate: string, sequence: number, amount: number) => ({
    isolate,
    sequence,
    series: [{ name: 'itsor_mails_total', labels: ['sent'], amounts: [amount] }],
  });

  it('adds up the batches of all isolates, and counts a repeated batch once', async () => {
    const gatherer = newGatherer();
    await gatherer.add(batch('a', 1, 1));
    await gatherer.add(batch('a', 1, 1));
    await gatherer.add(batch('b', 1, 10));
    await Promise.all([1, 2, 2, 3].map((sequence) => gatherer.add(batch('c', sequence, 100))));
    expect(await gatherer.read()).toEqual([{ name: 'itsor_mails_total', labels: ['sent'], amounts: [311] }]);
  });

  it('keeps its numbers and its senders after an eviction', async () => {
    const gatherer = newGatherer();
    await gatherer.add(batch('a', 1, 7));
    const before = await gatherer.read();
    await evictDurableObject(gatherer);
    expect(before).toHaveLength(1);
    expect(await gatherer.read()).toEqual(before);
    await gatherer.add(batch('a', 1, 7));
    expect(await gatherer.read()).toEqual(before);
  });
});
