import { writeFileSync } from 'node:fs';
import { configurationReference } from './configuration.ts';

// npm run docs:configuration
writeFileSync(new URL('../../docs/configuration.md', import.meta.url), configurationReference());
