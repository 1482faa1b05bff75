// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { readWranglerConfig, variablesOf, wranglerVariables } from '../program/project.ts';
