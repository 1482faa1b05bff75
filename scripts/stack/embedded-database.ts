import { PGlite } from '@electric-sql/pglite';
import { createPgliteBackend, embeddedSuperuser } from './pglite-backend.ts';
import type { SqlBackend } from './sql-backend.ts';
import { createTurn } from './turn.ts';
import { startWireServer } from './wire-server.ts';

export type EmbeddedDatabase = {
  readonly backend: SqlBackend;
  /** PostgreSQL's own protocol on the loopback interface, as `user`; no password is asked for. */
  readonly url: (user?: string) => string;
  readonly close: () => Promise<void>;
};

type Options = {
  /** Absent: in memory. */
  readonly directory?: string;
  /** Called with the port, before the directory is touched; what it throws keeps the directory untouched. */
  readonly claim?: (wirePort: number) => Promise<void>;
};

/** A Postgres inside this process, kept in a directory or in memory. */
export const openEmbeddedDatabase = async ({ directory, claim }: Options = {}): Promise<EmbeddedDatabase> => {
  const turn = createTurn();
  const wire = await startWireServer(turn);
  try {
    await claim?.(wire.port);
    // PGlite asks for files that everybody may read and write.
    if (directory !== undefined) process.umask(0o077);
    const database = await PGlite.create(directory ?? 'memory://');
    wire.serve(database);
    return {
      backend: createPgliteBackend(database, turn),
      url: (user = embeddedSuperuser) =>
        `postgres://${encodeURIComponent(user)}@127.0.0.1:${wire.port}/postgres`,
      close: async () => {
        await wire.close();
        const endTurn = await turn.take();
        await database.close();
        endTurn();
      },
    };
  } catch (error) {
    await wire.close();
    throw error;
  }
};
