// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export { printable, printableAll } from '../program/terminal.ts';
