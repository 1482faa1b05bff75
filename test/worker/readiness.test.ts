import { describe, expect, it, vi } from 'vitest';
import { createClient } from '../support/worker/client.ts';
import { guardduty } from '../support/worker/scan-result.ts';
import { withoutScanner } from '../support/worker/uploads.ts';

type Readiness = { status: string; version: string; checks: Record<string, string> };

const readyz = async (variables: Record<string, unknown> = {}) => {
  const response = await createClient(variables as never)('GET', '/readyz');
  return { response, ...(await response.json<Readiness>()) };
};

/** A bucket that answers with the given function. */
const bucket = (head: () => Promise<unknown>) => ({ UPLOADS: { head } });
/** The address of a scanner on a port without a listener. */
const clamavAway = { UPLOAD_SCANNER: 'clamav', CLAMD_ADDRESS: '127.0.0.1:9' };

describe('GET /readyz', () => {
  it('checks the storage and the scanner of uploads', async () => {
    const { response, status, checks } = await readyz();
    expect([response.status, status]).toEqual([200, 'ok']);
    expect(checks).toMatchObject({ storage: 'ok', scanner: 'ok' });
  });

  it('names the deployment that answers', async () => {
    const { version } = await readyz({ CF_VERSION_METADATA: { id: 'bbbb-2', tag: '', timestamp: '' } });
    expect(version).toBe('bbbb-2');
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a bucket that fails', bucket(() => Promise.reject(new Error('no bucket'))), 'storage'],
    ['a bucket that hangs', bucket(() => new Promise(() => {})), 'storage'],
    ['a scanner that is away', clamavAway, 'scanner'],
    [
      'a password dictionary that is missing',
      { ASSETS: { fetch: async () => new Response(null, { status: 404 }) } },
      'password_dictionary',
    ],
    [
      'a password dictionary of another build',
      { ASSETS: { fetch: async () => new Response('other words') } },
      'password_dictionary',
    ],
  ])('answers 200 with the status `degraded` for %s', async (_, variables, failing) => {
    const began = Date.now();
    const { response, status, checks } = await readyz(variables);
    expect(Date.now() - began).toBeLessThan(5000);
    expect([response.status, status]).toEqual([200, 'degraded']);
    expect(response.headers.get('Retry-After')).toBeNull();
    expect(Object.keys(checks).filter((name) => checks[name] !== 'ok')).toEqual([failing]);
  });

  it('has no check for a scanner that answers by webhook', async () => {
    const { fetch } = globalThis;
    const fetches = vi
      .spyOn(globalThis, 'fetch')
      .mockImplementation(async (input, init) =>
        new URL(new Request(input).url).hostname.endsWith('.amazonaws.com')
          ? new Response(null, { status: 404 })
          : fetch(input, init),
      );
    const { status, checks } = await readyz(guardduty);
    fetches.mockRestore();
    expect(status).toBe('ok');
    expect(checks).toMatchObject({ storage: 'ok' });
    expect(checks).not.toHaveProperty('scanner');
  });

  it('has no checks for storage and scanner where uploads are disabled', async () => {
    const { checks } = await readyz(withoutScanner);
    expect(Object.keys(checks)).not.toEqual(expect.arrayContaining(['storage']));
    expect(Object.keys(checks)).not.toEqual(expect.arrayContaining(['scanner']));
  });
});
