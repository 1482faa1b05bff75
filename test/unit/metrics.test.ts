import { describe, expect, it, vi } from 'vitest';
import { expose } from '../../src/metrics/rules.ts';
import {
  type MetricsBatch,
  mergeAmounts,
  metricDefinitions,
  observed,
} from '../../src/platform/rules/metrics.ts';
import { createDeferredFlush, createMetricsRecorder } from '../../src/platform/telemetry/metrics-recorder.ts';

const request = { method: 'GET', route: '/auth/me', status: '200' };

describe('the recorder', () => {
  const newRecorder = (send: (batch: MetricsBatch) => Promise<void> = async () => {}) => {
    const sent: MetricsBatch[] = [];
    const recorder = createMetricsRecorder({
      isolate: 'one',
      send: async (batch) => {
        sent.push(batch);
        await send(batch);
      },
    });
    return { sent, ...recorder };
  };

  it('adds up counts until it is flushed, and then starts again', async () => {
    const { sent, count, flush } = newRecorder();
    count('itsor_http_requests_total', request);
    count('itsor_http_requests_total', request, 2);
    count('itsor_http_requests_total', { ...request, status: '503' });
    await flush();
    await flush();
    count('itsor_http_requests_total', request);
    await flush();
    const series = (status: string, amount: number) => ({
      name: 'itsor_http_requests_total',
      labels: ['GET', '/auth/me', status],
      amounts: [amount],
    });
    expect(sent).toEqual([
      { isolate: 'one', sequence: 1, series: [series('200', 3), series('503', 1)] },
      { isolate: 'one', sequence: 2, series: [series('200', 1)] },
    ]);
  });

  it('sends an unanswered batch again with the same number, before anything new', async () => {
    let isAway = true;
    const { sent, count, flush } = newRecorder(async () => {
      if (isAway) throw new Error('away');
    });
    count('itsor_http_requests_total', request);
    await expect(flush()).rejects.toThrow('away');
    count('itsor_http_requests_total', request);
    isAway = false;
    await flush();
    expect(sent.map(({ sequence }) => sequence)).toEqual([1, 1, 2]);
    expect(sent[1]).toEqual(sent[0]);
  });

  it('does not wait for a flush whose request the platform has ended', async () => {
    const never = Promise.withResolvers<void>();
    let calls = 0;
    const { sent, count, flush } = newRecorder(() => (calls++ === 0 ? never.promise : Promise.resolve()));
    count('itsor_http_requests_total', request);
    void flush();
    count('itsor_http_requests_total', request);
    await flush();
    expect(sent.map(({ sequence }) => sequence)).toEqual([1, 1, 2]);
  });
});

describe('amounts', () => {
  it('count an observation in the first bucket that holds it, or in one more beyond the last', () => {
    expect(observed([1, 5], 1)).toEqual([1, 0, 0, 1]);
    expect(observed([1, 5], 1.5)).toEqual([0, 1, 0, 1.5]);
    expect(observed([1, 5], 6)).toEqual([0, 0, 1, 6]);
  });

  it('replace a gauge, add up everything else, and start again with other buckets', () => {
    expect(mergeAmounts('itsor_uploads', [7], [3])).toEqual([3]);
    expect(mergeAmounts('itsor_mails_total', [7], [3])).toEqual([10]);
    expect(mergeAmounts('itsor_mails_total', undefined, [3])).toEqual([3]);
    expect(mergeAmounts('itsor_database_duration_seconds', [1, 2, 3], [1, 1])).toEqual([1, 1]);
  });
});

describe('the exposition', () => {
  it('is the text format, with cumulative buckets', () => {
    const buckets = metricDefinitions.itsor_password_hash_queue_length.buckets;
    const amounts = mergeAmounts(
      'itsor_password_hash_queue_length',
      observed(buckets, 0),
      observed(buckets, 4),
    );
    const lines = expose([
      { name: 'itsor_http_requests_total', labels: ['GET', '/a', '200'], amounts: [3] },
      { name: 'itsor_password_hash_queue_length', labels: [], amounts },
    ]).split('\n');
    expect(lines).toContain('# TYPE itsor_http_requests_total counter');
    expect(lines).toContain('itsor_http_requests_total{method="GET",route="/a",status="200"} 3');
    expect(lines).toContain('itsor_password_hash_queue_length_bucket{le="2"} 1');
    expect(lines).toContain('itsor_password_hash_queue_length_bucket{le="5"} 2');
    expect(lines).toContain('itsor_password_hash_queue_length_bucket{le="+Inf"} 2');
    expect(lines).toContain('itsor_password_hash_queue_length_sum 4');
    expect(lines).toContain('itsor_password_hash_queue_length_count 2');
    expect(lines.at(-1)).toBe('');
  });

  it('escapes label values, and leaves out unknown metrics', () => {
    const text = expose([
      { name: 'itsor_problems_total', labels: ['a"b\\c\nd'], amounts: [1] },
      { name: 'itsor_of_another_version_total', labels: [], amounts: [1] },
      { name: 'toString', labels: [], amounts: [1] },
      { name: 'itsor_mails_total', labels: ['sent', 'with a label more'], amounts: [1] },
    ]);
    expect(text).toContain('itsor_problems_total{code="a\\"b\\\\c\\nd"} 1');
    expect(text).not.toMatch(/another_version|toString|label more/);
  });
});

describe('the deferred flush', () => {
  const newFlush = (flush = vi.fn(async () => {})) => {
    const clock = { nowMs: 0 };
    const ends: (() => void)[] = [];
    const deferred: Promise<unknown>[] = [];
    const later = createDeferredFlush({
      name: 'metrics',
      flush,
      everyMs: 2_000,
      wait: () => new Promise((resolve) => ends.push(resolve)),
      monotonicMs: () => clock.nowMs,
    });
    return { clock, ends, flush, deferred, ask: () => later((_, work) => void deferred.push(work)) };
  };

  it('is one for all requests of its time, and another for requests that come while it is sent', async () => {
    const sending = Promise.withResolvers<void>();
    const { ends, flush, deferred, ask } = newFlush(vi.fn(() => sending.promise));
    ask();
    ask();
    expect(deferred).toHaveLength(1);
    expect(flush).not.toHaveBeenCalled();
    ends[0]?.();
    await vi.waitFor(() => expect(flush).toHaveBeenCalledOnce());
    ask();
    expect(deferred).toHaveLength(2);
    sending.resolve();
    await deferred[0];
  });

  it('that ended with its request delays the next one only for a while', () => {
    const { clock, deferred, ask } = newFlush();
    ask();
    clock.nowMs = 11_000;
    ask();
    expect(deferred).toHaveLength(1);
    clock.nowMs = 12_001;
    ask();
    expect(deferred).toHaveLength(2);
  });
});
