// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { readRole } from './database-plan.ts';
