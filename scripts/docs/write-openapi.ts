import { writeFileSync } from 'node:fs';
import { runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { openApiDocument } from './openapi.ts';

const usage = `npm run docs:openapi
  Writes docs/openapi.json from the routes.`;

runProgram(async () => {
  readOptions({}, usage);
  writeFileSync(new URL('../../docs/openapi.json', import.meta.url), await openApiDocument());
});
