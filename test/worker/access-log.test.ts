import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { createClient } from '../support/worker/client.ts';

let written: MockInstance<typeof console.log>;
beforeEach(() => {
  written = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => vi.restoreAllMocks());

const requestLines = () =>
  written.mock.calls
    .map(([line]) => JSON.parse(String(line)) as Record<string, unknown>)
    .filter(({ message }) => message === 'request');

describe('the access log', () => {
  // Proves ASVS 16.2.1.
  it('has one line per request, with the matched route', async () => {
    await createClient({ LOG_LEVEL: 'info' })('GET', '/users/an-id?q=a', {
      headers: { 'X-Request-ID': 'r-1' },
    });
    expect(requestLines()).toEqual([
      {
        time: expect.any(String),
        level: 'info',
        message: 'request',
        request_id: 'r-1',
        method: 'GET',
        route: '/users/:id',
        status: 401,
        duration_ms: expect.any(Number),
        user_id: null,
      },
    ]);
  });

  it('has the share of successes that LOG_SAMPLE_RATIO sets, and every failure', async () => {
    const client = createClient({ LOG_LEVEL: 'info', LOG_SAMPLE_RATIO: '0.25' });
    const random = vi.spyOn(Math, 'random');
    for (let at = 0; at < 8; at++) {
      random.mockReturnValue(at / 8);
      await client('GET', '/health');
      await client('GET', '/nowhere');
    }
    const statuses = requestLines().map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(2);
    expect(statuses.filter((status) => status === 404)).toHaveLength(8);
    // The count of the lines is the count of the requests.
    const ratios = requestLines().map(({ status, sample_ratio }) => [status, sample_ratio]);
    expect(ratios).toContainEqual([200, 0.25]);
    expect(ratios).toContainEqual([404, undefined]);
  });
});
