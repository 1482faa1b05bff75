import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../program/cli.ts';
import { renderShares, type Shares, type Versions } from './versions.ts';

type RollOut = {
  readonly versions: Versions;
  readonly worker: string;
  readonly stable: string;
  readonly fresh: string;
  /** Share of the requests, in percent, before it gets all of them. */
  readonly canary: number;
  /** How long a deployment takes to be everywhere. */
  readonly settleMs: number;
  /** Checks that this version answers. `worker=id` asks it by name, a bare id is asked of any instance. @throws CliError */
  readonly smoke: (version: string) => Promise<void>;
  /** Aborted when an operator stops the deployment. */
  readonly stop: AbortSignal;
  readonly tell: (line: string) => void;
};

/** Another person has deployed meanwhile, and that deployment is left alone. */
class Overtaken extends CliError {}

/**
 * Gives a new version none, some and then all of the requests, each time with a smoke test. When one fails, or this is to
 * end, the version of before has all of them again.
 *
 * @throws CliError when it was rolled back, or could not be
 */
export const rollOut = async ({ versions, worker, stable, fresh, ...how }: RollOut): Promise<void> => {
  const { canary, settleMs, smoke, stop, tell } = how;
  const stages = [
    { percentage: 0, test: () => smoke(`${worker}=${fresh}`) },
    { percentage: canary, test: () => smoke(`${worker}=${fresh}`) },
    { percentage: 100, test: () => smoke(fresh) },
  ];
  /** The deployments of this run, after the one that it began with. */
  const ours: [Shares, ...Shares[]] = [{ [stable]: 100 }];
  let doing = 'it was interrupted';
  try {
    for (const { percentage, test } of stages) {
      const shares: Shares =
        percentage === 100 ? { [fresh]: 100 } : { [fresh]: percentage, [stable]: 100 - percentage };
      doing = 'wrangler failed';
      await requireOneOf(versions, ours.slice(-1));
      stop.throwIfAborted();
      ours.push(shares);
      await versions.share(shares, `${percentage} % for ${fresh}`);
      await sleep(settleMs, undefined, { signal: stop });
      doing = 'a smoke test failed';
      await test();
      stop.throwIfAborted();
      tell(`✓ ${fresh} at ${percentage} %`);
    }
  } catch (error) {
    if (error instanceof Overtaken) throw error;
    const why = stop.aborted ? 'it was interrupted' : doing;
    tell(stop.aborted ? '✗ interrupted' : (error as Error).message);
    if (ours.length === 1) throw new CliError(`Nothing was deployed: ${stable} has all requests, as before.`);
    await rollBack(versions, stable, ours, why);
    throw new CliError(
      `Rolled back, because ${why}: ${stable} has all requests again. The migrations stay, and it runs on them (docs/runbooks/deployment.md).`,
    );
  }
};

const rollBack = async (
  versions: Versions,
  stable: string,
  ours: readonly Shares[],
  why: string,
): Promise<void> => {
  try {
    await requireOneOf(versions, ours);
    await versions.share({ [stable]: 100 }, `rolled back: ${why}`);
  } catch (error) {
    if (error instanceof Overtaken) throw error;
    throw new CliError(
      `NOT rolled back: ${(error as Error).message}\nBy hand, now: ${versions.deployCommand(stable)}`,
    );
  }
};

/** @throws Overtaken where something else is deployed */
const requireOneOf = async (versions: Versions, expected: readonly Shares[]): Promise<void> => {
  const current = await versions.current();
  if (expected.some((shares) => isSame(shares, current))) return;
  throw new Overtaken(
    `Somebody else has deployed meanwhile: ${renderShares(current)}. Nothing more was touched: agree with them on the version to run.`,
  );
};

/** The answer may leave out a version of ours without requests; any other version is not ours. */
const isSame = (ours: Shares, current: Shares): boolean =>
  Object.entries(current).every(([id, percentage]) => ours[id] === percentage) &&
  Object.entries(ours).every(([id, percentage]) => percentage === 0 || current[id] === percentage);
