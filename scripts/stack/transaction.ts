// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { escapeIdentifier as quoteIdentifier } from 'pg';
