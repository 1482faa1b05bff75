// biome-ignore-all lint/performance/noBarrelFile: an old path, deleted once nothing imports it
export {
  configVariables,
  dataDirectory,
  devVarsText,
  projectDirectory,
  readVariables,
  type Variables,
} from '../program/project.ts';
