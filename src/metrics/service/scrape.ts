import { AppError } from '../../platform/errors.ts';
import type { Series } from '../../platform/rules/metrics.ts';
import { expose } from '../rules/exposition.ts';

type Deps = {
  /** Null: anybody may read them, in local environments only. */
  readonly isToken: ((given: string | undefined) => Promise<boolean>) | null;
  readonly flush: () => Promise<void>;
  readonly readSeries: () => Promise<Series[]>;
};

/**
 * The numbers of all isolates, this one's last ones included, as Prometheus reads them.
 * @throws AppError `unauthenticated`, `service_unavailable`
 */
export const createScrape =
  ({ isToken, flush, readSeries }: Deps) =>
  async (token: string | undefined): Promise<string> => {
    if (isToken && !(await isToken(token)))
      throw new AppError('unauthenticated', {
        detail: 'The header must read "Authorization: Bearer <METRICS_TOKEN>".',
      });
    await flush();
    return expose(await readSeries());
  };
