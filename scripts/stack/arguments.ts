// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { readOptions, readServiceUrl, requirePostgresUrl } from '../program/options.ts';
