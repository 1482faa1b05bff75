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
  readonly pingDurableObjects: () => Promise<void>;
  readonly pingHasher: () => Promise<void>;
};

/** Looks at every part that a request may need, all at once; says which fail and logs why. */
export const createReadiness =
  ({ lastMigration, bundledMigration, pingDurableObjects, pingHasher }: Deps) =>
  async (ctx: RequestContext): Promise<ReadinessReport> => {
    const [migration, durableObjects, hasher] = await Promise.allSettled([
      lastMigration(ctx),
      pingDurableObjects(),
      pingHasher(),
    ]);
    for (const result of [migration, durableObjects, hasher]) {
      if (result.status === 'rejected')
        ctx.log.error('not ready', { request_id: ctx.requestId, error: result.reason });
    }
    const verdict = (good: boolean) => (good ? 'ok' : 'failing');
    const migrated = migration.status === 'fulfilled' && (migration.value ?? 0) >= bundledMigration;
    const checks = {
      config: verdict(true),
      database: verdict(migration.status === 'fulfilled'),
      migrations: verdict(migrated),
      durable_objects: verdict(durableObjects.status === 'fulfilled'),
      hasher: verdict(hasher.status === 'fulfilled'),
    } as const;
    return { ready: Object.values(checks).every((check) => check === 'ok'), checks };
  };
