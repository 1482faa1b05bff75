import type { StorageConfig } from '../config/uploads.ts';
import type { MacKeys } from '../crypto/derived-keys.ts';
import type { IssueTicket, ObjectStore, Receiving } from '../rules/storage.ts';
import { createR2Store, createUploadUrls } from './r2.ts';
import { createS3Store } from './s3.ts';

type Storage = {
  readonly store: ObjectStore;
  readonly issueTicket: IssueTicket;
  /** Null where clients send their bytes to the storage itself. */
  readonly receiving: Receiving | null;
};

/** The storage that the configuration names. */
export const createStorage = (
  config: StorageConfig,
  { bucket, urlKeys, clock }: { bucket: R2Bucket; urlKeys: MacKeys; clock: () => Date },
): Storage => {
  switch (config.kind) {
    case 's3':
      return { ...createS3Store(config, clock), receiving: null };
    case 'r2': {
      const store = createR2Store(bucket);
      const { issueTicket, verify } = createUploadUrls(urlKeys);
      return { store, issueTicket, receiving: { store, verifyUrl: verify } };
    }
  }
};
