// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { applyMigrations, migrationsDirectory, readMigrations } from './postgres.ts';
