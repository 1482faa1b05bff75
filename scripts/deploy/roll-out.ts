import { setTimeout as sleep } from 'node:timers/promises';
import { Sentence } from '../stack/sentence.ts';
import type { Versions } from './versions.ts';

type RollOut = {
  readonly versions: Versions;
  readonly worker: string;
  readonly stable: string;
  readonly fresh: string;
  /** Share of the requests, in percent, before it gets all of them. */
  readonly canary: number;
  /** How long a deployment takes to be everywhere. */
  readonly settleMs: number;
  /** Wants that version to answer: `worker=id` asks it by name, an id whoever is asked. @throws Sentence */
  readonly smoke: (version: string) => Promise<void>;
  readonly tell: (line: string) => void;
};

/**
 * Gives a new version none, some and then all of the requests, each time with a smoke test. When one fails, the version
 * of before has all of them again.
 *
 * @throws Sentence when it was rolled back, or could not be
 */
export const rollOut = async ({ versions, worker, stable, fresh, ...how }: RollOut): Promise<void> => {
  const { canary, settleMs, smoke, tell } = how;
  const stages = [
    { percentage: 0, test: () => smoke(`${worker}=${fresh}`) },
    { percentage: canary, test: () => smoke(`${worker}=${fresh}`) },
    { percentage: 100, test: () => smoke(fresh) },
  ];
  try {
    for (const { percentage, test } of stages) {
      const shares =
        percentage === 100 ? { [fresh]: 100 } : { [fresh]: percentage, [stable]: 100 - percentage };
      await versions.share(shares, `${percentage} % for ${fresh}`);
      await sleep(settleMs);
      await test();
      tell(`✓ ${fresh} at ${percentage} %`);
    }
  } catch (error) {
    tell((error as Error).message);
    await rollBack(versions, stable);
    throw new Sentence(
      `Rolled back: ${stable} has all requests again. The migrations stay, and it runs on them (docs/runbooks/deployment.md).`,
    );
  }
};

const rollBack = async (versions: Versions, stable: string): Promise<void> => {
  try {
    await versions.share({ [stable]: 100 }, 'rolled back: a smoke test failed');
  } catch (error) {
    throw new Sentence(
      `NOT rolled back: ${(error as Error).message}\nBy hand, now: npx wrangler versions deploy ${stable}@100% --yes --env …`,
    );
  }
};
