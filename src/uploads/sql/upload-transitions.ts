import type { Metrics } from '../../platform/rules/metrics.ts';
import type { UploadJobRepository } from './upload-jobs.ts';
import type { VerdictRepository } from './upload-verdicts.ts';
import type { UploadRepository } from './uploads.ts';

/** Counts every state that an upload comes into, where it is written. */
export const countTransitions = (
  {
    uploads,
    verdicts,
    jobs,
  }: { uploads: UploadRepository; verdicts: VerdictRepository; jobs: UploadJobRepository },
  metrics: Pick<Metrics, 'count'>,
) => {
  const came = (status: string) => metrics.count('itsor_upload_transitions_total', { status });

  return {
    uploads: {
      ...uploads,
      create: async (...request) => {
        const outcome = await uploads.create(...request);
        if (outcome.created) came('pending');
        return outcome;
      },
      complete: async (...request) => {
        const outcome = await uploads.complete(...request);
        if (outcome.changed && outcome.upload) came(outcome.upload.status);
        return outcome;
      },
    } satisfies UploadRepository,

    verdicts: {
      ...verdicts,
      apply: async (scope, bound) => {
        const outcome = await verdicts.apply(scope, bound);
        if (outcome === 'applied') came(bound.verdict.kind);
        return outcome;
      },
    } satisfies VerdictRepository,

    jobs: {
      ...jobs,
      expire: async (...job) => {
        const isExpired = await jobs.expire(...job);
        if (isExpired) came('expired');
        return isExpired;
      },
      giveUp: async (...job) => {
        const isGivenUp = await jobs.giveUp(...job);
        if (isGivenUp) {
          came('failed');
          metrics.count('itsor_dead_letters_total', { kind: 'upload' });
        }
        return isGivenUp;
      },
    } satisfies UploadJobRepository,
  };
};
