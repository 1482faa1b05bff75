// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { findFreePort } from './service-process.ts';
