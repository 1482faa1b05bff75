// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { actingAs, encrypted, localRoles, placeOf } from './database-plan.ts';
