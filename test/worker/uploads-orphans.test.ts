import { env } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import { newAccount, silentQueue } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { runSchedule } from '../support/worker/invocations.ts';
import { createUploader, declare, pdf, put, uploadFile, workOn } from '../support/worker/uploads.ts';

const client = createUploader();
const { access_token: bearer, user } = await newAccount(client);

afterEach(() => void vi.useRealTimers());

/** The bucket, with these objects as old as the given hours. */
const agedBucket = (keys: readonly string[], hours: number) => {
  const { UPLOADS: bucket } = env;
  return {
    head: bucket.head.bind(bucket),
    get: bucket.get.bind(bucket),
    put: bucket.put.bind(bucket),
    delete: bucket.delete.bind(bucket),
    list: async (options: R2ListOptions) => {
      const listed = await bucket.list(options);
      const stored = new Date(Date.now() - hours * 3_600_000);
      const objects = listed.objects.map(({ key, uploaded }) => ({
        key,
        uploaded: keys.includes(key) ? stored : uploaded,
      }));
      return { ...listed, objects };
    },
  };
};

const bindingsWith = (
  keys: readonly string[],
  { hours = 25, bucket = agedBucket(keys, hours) as object } = {},
) => ({ ...env, UPLOADS: bucket, UPLOAD_QUEUE: silentQueue }) as unknown as Bindings;

/** One run of the cron. */
const sweep = (...given: Parameters<typeof bindingsWith>) => runSchedule(bindingsWith(...given));

const isThere = async (key: string) => (await env.UPLOADS.head(key)) !== null;
const store = async (key: string) => {
  await env.UPLOADS.put(key, 'x');
  return key;
};
const newOrphan = () => store(`quarantine/${crypto.randomUUID()}/${crypto.randomUUID()}`);
const keyOf = (id: string) => `quarantine/${user.id}/${id}`;

describe('an object in quarantine', () => {
  it.each([0, 1, 7, 59])('an object without an upload is removed by a run of minute %i', async (minute) => {
    const orphan = await newOrphan();
    vi.useFakeTimers({ toFake: ['Date'], now: new Date().setUTCMinutes(minute) });
    await sweep([orphan]);
    expect(await isThere(orphan)).toBe(false);
  });

  it('an object without an upload is removed once by two runs at the same time, and both succeed', async () => {
    const orphan = await newOrphan();
    await Promise.all([sweep([orphan]), sweep([orphan])]);
    expect(await isThere(orphan)).toBe(false);
  });

  it('an object without an upload is found on every page of the bucket', async () => {
    const orphans = [await newOrphan(), await newOrphan(), await newOrphan()];
    const uploaded = new Date(Date.now() - 25 * 3_600_000);
    const list = async ({ cursor }: R2ListOptions) => {
      const at = Number(cursor ?? 0);
      return { objects: [{ key: orphans[at], uploaded }], truncated: at < 2, cursor: String(at + 1) };
    };
    await sweep(orphans, { bucket: { ...agedBucket(orphans, 25), list } });
    for (const key of orphans) expect(await isThere(key)).toBe(false);
  });

  it('an object younger than a day stays, because its row may follow', async () => {
    const orphan = await newOrphan();
    await sweep([orphan], { hours: 23 });
    expect(await isThere(orphan)).toBe(true);
  });

  it('an object that remains after a copy or after a deletion is removed', async () => {
    const [promoted, discarded] = [await uploadFile(client, bearer), await uploadFile(client, bearer)];
    for (const id of [promoted, discarded]) await workOn(id);
    await sql`update uploads set promoted_etag = 'x', next_attempt_at = null where id = ${promoted}`;
    await sql`update uploads set status = 'infected', bytes_deleted_at = now(), next_attempt_at = null where id = ${discarded}`;
    const keys = [promoted, discarded].map(keyOf);
    await sweep(keys);
    for (const key of keys) expect(await isThere(key)).toBe(false);
  });

  it('an object that an upload waits for stays at any age', async () => {
    const ticket = await declare(client, bearer);
    await put(client, ticket, pdf);
    const clean = await uploadFile(client, bearer);
    await workOn(clean);
    const keys = [ticket.id, clean].map(keyOf);
    await sweep(keys);
    for (const key of keys) expect(await isThere(key)).toBe(true);
  });

  it('an object with a key of another shape stays, as do objects outside the quarantine', async () => {
    const id = crypto.randomUUID();
    const keys = [
      `quarantine/${id}`,
      `quarantine/${id}/readme.txt`,
      `clean/${id}/${id}`,
      `backup/quarantine/${id}/${id}`,
    ];
    for (const key of keys) await store(key);
    await sweep(keys);
    for (const key of keys) expect(await isThere(key)).toBe(true);
  });
});
