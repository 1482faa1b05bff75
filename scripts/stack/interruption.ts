// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { interruption } from '../program/cli.ts';
