// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { runWrangler, wranglerReason } from '../program/child.ts';
