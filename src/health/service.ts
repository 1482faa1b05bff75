import journal from '../../drizzle/meta/_journal.json' with { type: 'json' };
import type { Container } from '../container.ts';
import type { RequestContext } from '../platform/context.ts';
import { createHealthSql, type DatabaseState } from './sql.ts';

type Check = 'ok' | 'failing';
type OwnCheck = 'config' | 'database' | 'migrations' | 'durable_objects' | 'hasher';

export type ReadinessReport = Pick<DatabaseState, 'deadLetters'> & {
  /** `degraded`: every account can log in, and a part that only some requests need does not answer. */
  readonly status: 'ok' | 'degraded' | 'unavailable';
  readonly checks: Readonly<Record<OwnCheck, Check> & Record<string, Check>>;
  /** The deployment, as Cloudflare names it. */
  readonly version: string;
};

/** Rejects where a part does not answer. */
type Ping = (signal: AbortSignal) => Promise<void>;

type Parts = {
  readonly pingHasher: () => Promise<void>;
  /** The parts that only some requests need, by the names of their checks. */
  readonly pings: Readonly<Record<string, Ping>>;
};

/** What the request has shown so far: whether the rate limiter's Durable Object answered. */
type Observed = { readonly durableObjects: boolean };

/** The newest migration of this build, in epoch milliseconds. */
const bundledMigration = journal.entries.at(-1)?.when ?? 0;
const pingLimitMs = 3_000;

/** Pings with a time limit; the race is for parts that do not listen to a signal. */
const pingInTime = (ping: Ping, requestSignal: AbortSignal): Promise<void> => {
  const signal = AbortSignal.any([requestSignal, AbortSignal.timeout(pingLimitMs)]);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([ping(signal), late]);
};

const verdict = (good: boolean): Check => (good ? 'ok' : 'failing');
const isWell = (checks: Record<string, Check>) => Object.values(checks).every((check) => check === 'ok');

export type Health = ReturnType<typeof createHealth>;

export const createHealth = ({ db, bindings }: Container, { pingHasher, pings }: Parts) => {
  const rows = createHealthSql({ db });
  const names = Object.keys(pings);

  return {
    /** Checks every part that a request may need, all at once, and logs why a part fails. */
    readiness: async (ctx: RequestContext, { durableObjects }: Observed): Promise<ReadinessReport> => {
      const [state, hasher, ...others] = await Promise.allSettled([
        rows.read(ctx),
        pingHasher(),
        ...Object.values(pings).map((ping) => pingInTime(ping, ctx.signal)),
      ]);
      for (const [index, result] of [state, hasher, ...others].entries()) {
        if (result.status === 'fulfilled') continue;
        const name = names[index - 2];
        const fields = { request_id: ctx.requestId, error: result.reason };
        if (name === undefined) ctx.log.error('not ready', fields);
        else ctx.log.warn('degraded', { check: name, ...fields });
      }
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
      const status = !isWell(own) ? 'unavailable' : isWell(beside) ? 'ok' : 'degraded';
      const version = bindings.CF_VERSION_METADATA.id;
      return { status, checks: { ...own, ...beside }, deadLetters, version };
    },
  };
};
