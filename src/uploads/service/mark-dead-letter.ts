import type { JobScope, UploadJobRepository } from '../sql/upload-jobs.ts';

type Deps = {
  readonly jobs: Pick<UploadJobRepository, 'markGivenUp'>;
  readonly newScope: (limitMs: number) => JobScope;
};

/** Remembers that a queue has given up work on an upload, for /readyz to tell. The sweep does not give up. */
export const createMarkDeadLetter =
  ({ jobs, newScope }: Deps) =>
  async (id: string): Promise<void> => {
    if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
      await jobs.markGivenUp(newScope(10_000), id);
  };
