import type { RequestContext } from '../../context.ts';

type CheckName = 'config' | 'database' | 'migrations' | 'durable_objects' | 'hasher';

export type DatabaseState = {
  /** When the newest migration that the database has was made, in epoch milliseconds; null for none. */
  readonly lastMigration: number | null;
  readonly deadLetters: number | null;
};

export type ReadinessReport = {
  readonly ready: boolean;
  readonly checks: Readonly<Record<CheckName, 'ok' | 'failing'>>;
  /** Work on uploads that was given up in the last day; null where nobody can tell. */
  readonly deadLetters: number | null;
};

type Deps = {
  readonly readState: (ctx: RequestContext) => Promise<DatabaseState>;
  /** The newest migration that this build brings. */
  readonly bundledMigration: number;
  readonly pingHasher: () => Promise<void>;
};

/** What the request has shown on its way: whether the rate limiter's Durable Object answered. */
export type Observed = { readonly durableObjects: boolean };

/** Looks at every part that a request may need, all at once; says which fail and logs why. */
export const createReadiness =
  ({ readState, bundledMigration, pingHasher }: Deps) =>
  async (ctx: RequestContext, { durableObjects }: Observed): Promise<ReadinessReport> => {
    const [state, hasher] = await Promise.allSettled([readState(ctx), pingHasher()]);
    for (const result of [state, hasher]) {
      if (result.status === 'rejected')
        ctx.log.error('not ready', { request_id: ctx.requestId, error: result.reason });
    }
    const verdict = (good: boolean) => (good ? 'ok' : 'failing');
    const { lastMigration, deadLetters } =
      state.status === 'fulfilled' ? state.value : { lastMigration: null, deadLetters: null };
    const checks = {
      config: verdict(true),
      database: verdict(state.status === 'fulfilled'),
      migrations: verdict((lastMigration ?? 0) >= bundledMigration),
      durable_objects: verdict(durableObjects),
      hasher: verdict(hasher.status === 'fulfilled'),
    } as const;
    return { ready: Object.values(checks).every((check) => check === 'ok'), checks, deadLetters };
  };
