// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { CliError, runProgram } from '../program/cli.ts';
