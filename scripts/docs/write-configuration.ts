import { writeFileSync } from 'node:fs';
import { runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { configurationReference, exampleVariables } from './configuration.ts';

const usage = `npm run docs:configuration
  Writes docs/configuration.md and .dev.vars.example from the table of variables.`;

runProgram(async () => {
  readOptions({}, usage);
  const root = new URL('../../', import.meta.url);
  writeFileSync(new URL('docs/configuration.md', root), configurationReference());
  writeFileSync(new URL('.dev.vars.example', root), exampleVariables());
});
