import { writeFileSync } from 'node:fs';
import { openApiDocument } from './openapi.ts';

// npm run docs:openapi
writeFileSync(new URL('../../docs/openapi.json', import.meta.url), await openApiDocument());
