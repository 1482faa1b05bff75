import type { TestProject } from 'vitest/node';
import { buildAssets } from '../../../scripts/build-assets.ts';
import { startTestDatabase } from './database.ts';

/** One database for the whole run; the projects learn where it is by `inject`. */
export default async ({ provide }: TestProject) => {
  buildAssets();
  const database = await startTestDatabase();
  provide('neonEndpoint', database.endpointUrl);
  provide('databaseUrl', database.databaseUrl);
  provide('databaseKind', database.kind);
  return database.close;
};
