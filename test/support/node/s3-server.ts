import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from '@20minutes/s3rver';
import { AwsClient } from 'aws4fetch';
import { findFreePort } from '../../../scripts/stack/service-process.ts';

export const s3Account = {
  accessKeyId: 'S3RVER',
  secretAccessKey: 'S3RVER',
  region: 'eu-central-1',
  service: 's3',
};
export const bucket = 'uploads';

export type S3Server = {
  readonly endpoint: string;
  /** Keeps an object, as another program of the account would. */
  readonly put: (key: string) => Promise<void>;
  /** The keys of all objects. */
  readonly keys: () => Promise<string[]>;
  readonly stop: () => Promise<void>;
};

/** An S3 that checks signatures and their time. It knows neither checksums nor conditional writes. */
export const startS3Server = async (): Promise<S3Server> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-s3-'));
  const port = await findFreePort();
  const server = new S3rver({
    address: '127.0.0.1',
    port,
    silent: true,
    directory,
    vhostBuckets: false,
    configureBuckets: [{ name: bucket }],
  });
  await server.run();
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new AwsClient(s3Account);
  return {
    endpoint,
    put: async (key) => {
      const response = await client.fetch(`${endpoint}/${bucket}/${key}`, { method: 'PUT', body: 'x' });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    },
    keys: async () =>
      (await readdir(join(directory, bucket), { recursive: true }))
        .filter((path) => path.endsWith('._S3rver_object'))
        .map((path) => path.replace('._S3rver_object', '')),
    stop: async () => {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
