import type { RequestContext } from '../platform/context.ts';

type Check = 'ok' | 'failing';
type OwnCheck = 'config' | 'database' | 'migrations' | 'durable_objects' | 'hasher';

export type DatabaseState = {
  /** When the newest migration that the database has was made, in epoch milliseconds; null for none. */
  readonly lastMigration: number | null;
  readonly deadLetters: number | null;
};

export type ReadinessReport = {
  /** `degraded`: everybody can log in, and a part that only some requests need is away. */
  readonly status: 'ok' | 'degraded' | 'unavailable';
  readonly checks: Readonly<Record<OwnCheck, Check> & Record<string, Check>>;
  /** Work on uploads that was given up in the last day; null where nobody can tell. */
  readonly deadLetters: number | null;
  readonly version: string;
};

/** Ends in an error where a part does not answer. */
export type Ping = (signal: AbortSignal) => Promise<void>;

type Deps = {
  readonly readState: (ctx: RequestContext) => Promise<DatabaseState>;
  /** The newest migration that this build brings. */
  readonly bundledMigration: number;
  readonly pingHasher: () => Promise<void>;
  /** The parts that only some requests need, by the names of their checks. */
  readonly dispensable: Readonly<Record<string, Ping>>;
  /** Of this deployment, as Cloudflare names it. */
  readonly version: string;
};

/** What the request has shown on its way: whether the rate limiter's Durable Object answered. */
export type Observed = { readonly durableObjects: boolean };

const pingLimitMs = 3_000;

/** Not every part listens to a signal. */
const inTime = (ping: Ping, requestSignal: AbortSignal): Promise<void> => {
  const signal = AbortSignal.any([requestSignal, AbortSignal.timeout(pingLimitMs)]);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([ping(signal), late]);
};

/** Looks at every part that a request may need, all at once; says which fail and logs why. */
export const createReadiness = ({ readState, bundledMigration, pingHasher, dispensable, version }: Deps) => {
  const names = Object.keys(dispensable);

  return async (ctx: RequestContext, { durableObjects }: Observed): Promise<ReadinessReport> => {
    const [state, hasher, ...others] = await Promise.allSettled([
      readState(ctx),
      pingHasher(),
      ...Object.values(dispensable).map((ping) => inTime(ping, ctx.signal)),
    ]);
    for (const [index, result] of [state, hasher, ...others].entries()) {
      if (result.status === 'fulfilled') continue;
      const name = names[index - 2];
      const fields = { request_id: ctx.requestId, error: result.reason };
      if (name === undefined) ctx.log.error('not ready', fields);
      else ctx.log.warn('degraded', { check: name, ...fields });
    }
    const verdict = (good: boolean): Check => (good ? 'ok' : 'failing');
    const { lastMigration, deadLetters } =
      state.status === 'fulfilled' ? state.value : { lastMigration: null, deadLetters: null };
    const own = {
      config: verdict(true),
      database: verdict(state.status === 'fulfilled'),
      migrations: verdict((lastMigration ?? 0) >= bundledMigration),
      durable_objects: verdict(durableObjects),
      hasher: verdict(hasher.status === 'fulfilled'),
    };
    const beside = Object.fromEntries(
      names.map((name, index) => [name, verdict(others[index]?.status === 'fulfilled')]),
    );
    const isWell = (checks: Record<string, Check>) => Object.values(checks).every((check) => check === 'ok');
    const status = !isWell(own) ? 'unavailable' : isWell(beside) ? 'ok' : 'degraded';
    return { status, checks: { ...own, ...beside }, deadLetters, version };
  };
};
