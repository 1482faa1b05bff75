import type { RequestContext } from '../../context.ts';

type CheckName = 'config' | 'database' | 'migrations' | 'durable_objects' | 'hasher';

export type ReadinessReport = {
  readonly ready: boolean;
  readonly checks: Readonly<Record<CheckName, 'ok' | 'failing'>>;
};

type Deps = {
  /** When the newest migration that the database has was made, in epoch milliseconds; null for none. */
  readonly lastMigration: (ctx: RequestContext) => Promise<number | null>;
  /** The newest migration that this build brings. */
  readonly bundledMigration: number;
  readonly pingHasher: () => Promise<void>;
};

/** What the request has shown on its way: whether the rate limiter's Durable Object answered. */
export type Observed = { readonly durableObjects: boolean };

/** Looks at every part that a request may need, all at once; says which fail and logs why. */
export const createReadiness =
  ({ lastMigration, bundledMigration, pingHasher }: Deps) =>
  async (ctx: RequestContext, { durableObjects }: Observed): Promise<ReadinessReport> => {
    const [migration, hasher] = await Promise.allSettled([lastMigration(ctx), pingHasher()]);
    for (const result of [migration, hasher]) {
      if (result.status === 'rejected')
        ctx.log.error('not ready', { request_id: ctx.requestId, error: result.reason });
    }
    const verdict = (good: boolean) => (good ? 'ok' : 'failing');
    const migrated = migration.status === 'fulfilled' && (migration.value ?? 0) >= bundledMigration;
    const checks = {
      config: verdict(true),
      database: verdict(migration.status === 'fulfilled'),
      migrations: verdict(migrated),
      durable_objects: verdict(durableObjects),
      hasher: verdict(hasher.status === 'fulfilled'),
    } as const;
    return { ready: Object.values(checks).every((check) => check === 'ok'), checks };
  };
