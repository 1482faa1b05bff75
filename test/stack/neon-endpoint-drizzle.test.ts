import { neon, neonConfig } from '@neondatabase/serverless';
import { eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/neon-http';
import { bigint, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';
import { expect, test } from 'vitest';
import { startTestDatabase } from '../support/node/database.ts';

const notes = pgTable('notes', {
  id: bigint({ mode: 'number' }).primaryKey(),
  body: text(),
  tags: text().array(),
  extra: jsonb(),
  owner: uuid(),
  made: timestamp({ withTimezone: true }),
});

const servers = { embedded: '', postgres: process.env.TEST_DATABASE_URL ?? '' };

for (const kind of ['embedded', 'postgres'] as const) {
  const skipped = kind === 'postgres' && servers.postgres === '';
  test.skipIf(skipped)(
    `Drizzle queries and batches ${kind}${skipped ? ' (TEST_DATABASE_URL is unset)' : ''}`,
    async () => {
      await using stack = new AsyncDisposableStack();
      const database = await startTestDatabase(servers[kind]);
      stack.defer(database.close);
      neonConfig.fetchEndpoint = () => database.endpointUrl;
      await neon('postgres://itsor_migrator:x@db.localhost/itsor')`CREATE TABLE notes
      (id bigint PRIMARY KEY, body text, tags text[], extra jsonb, owner uuid, made timestamptz)`;
      const db = drizzle(neon('postgres://itsor_app:x@db.localhost/itsor'));
      const note = {
        id: 20,
        body: 'hello',
        tags: ['a', 'b c'],
        extra: { deep: ['"', 1] },
        owner: '0190a2b3-0000-7000-8000-000000000001',
        made: new Date('2026-01-02T03:04:05.678Z'),
      };
      const [inserted, found] = await db.batch([
        db.insert(notes).values(note).returning(),
        db.select().from(notes).where(eq(notes.id, 20)),
      ]);
      expect(inserted).toEqual([note]);
      expect(found).toEqual([note]);
      expect((await db.execute(sql`SELECT ${'x'}::text AS x`)).rows).toEqual([{ x: 'x' }]);
      const colliding = db.batch([db.insert(notes).values({ id: 21 }), db.insert(notes).values({ id: 20 })]);
      await expect(colliding).rejects.toMatchObject({ code: '23505' });
      expect(await db.$count(notes)).toBe(1);
    },
  );
}
