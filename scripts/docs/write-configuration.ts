import { writeFileSync } from 'node:fs';
import { configurationReference, exampleVariables } from './configuration.ts';

// npm run docs:configuration
const root = new URL('../../', import.meta.url);
writeFileSync(new URL('docs/configuration.md', root), configurationReference());
writeFileSync(new URL('.dev.vars.example', root), exampleVariables());
