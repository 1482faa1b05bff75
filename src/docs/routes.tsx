import { Hono } from 'hono';
import { AppError } from '../platform/errors.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { usePagePolicy } from '../platform/http/content-security-policy.ts';
import { validate } from '../platform/http/validate.ts';
import { createOpenApi } from './openapi/document.ts';
import { operations } from './openapi/operations.ts';
import { ApiReference } from './pages/api-reference.tsx';
import { ErrorReference } from './pages/error-reference.tsx';
import { AssetParams } from './schema.ts';

/** What the page needs of the viewer's package; the rest of that folder is not handed out. */
const viewerFiles: ReadonlySet<string> = new Set(['swagger-ui.css', 'swagger-ui-bundle.js']);

/** Of what is the same for everybody; the pages are not, as each has a nonce of its own. */
const cacheControl = 'public, max-age=300';

export const docsRoutes = ({ asset }: { asset: (path: string) => Promise<Response> }) => {
  let document: string | undefined;

  return new Hono<AppEnv>()
    .get('/openapi.json', (c) => {
      document ??= JSON.stringify(createOpenApi(operations));
      c.header('Cache-Control', cacheControl);
      return c.body(document, 200, { 'Content-Type': 'application/json' });
    })
    .get('/docs', (c) => c.html(<ApiReference nonce={usePagePolicy(c)} />))
    .get('/docs/errors', (c) => c.html(<ErrorReference nonce={usePagePolicy(c)} />))
    .get('/docs/assets/:file', validate('param', AssetParams), async (c) => {
      const { file } = c.req.valid('param');
      if (!viewerFiles.has(file)) throw new AppError('not_found');
      const response = await asset(`/${file}`);
      if (!response.ok) throw new AppError('not_found');
      c.header('Cache-Control', cacheControl);
      return c.body(response.body ?? '', 200, {
        'Content-Type': response.headers.get('Content-Type') ?? 'text/plain',
      });
    });
};
