// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { environmentOf, runScript } from '../program/child.ts';
