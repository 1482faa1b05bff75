import type { ObjectStore } from '../../platform/rules/storage.ts';
import { quarantinePrefix } from '../rules/upload.ts';

type Deps = { readonly store: Pick<ObjectStore, 'head'> };

/** Asks the storage for an object that there is not. @throws AppError `service_unavailable` */
export const createPingStorage =
  ({ store }: Deps) =>
  async (signal: AbortSignal): Promise<void> => {
    await store.head(`${quarantinePrefix}ping`, signal);
  };
