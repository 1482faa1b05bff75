import type { Context } from 'hono';
import * as z from 'zod';
import { AppError } from '../platform/errors.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { usePagePolicy } from '../platform/http/content-security-policy.ts';
import { page, publicDocument, type Route, route } from '../platform/http/route.ts';
import { ApiReference, ErrorReference, Home } from './pages.tsx';

/** The files of the viewer's package that the page needs; no other file is served. */
const viewerFiles: ReadonlySet<string> = new Set(['swagger-ui.css', 'swagger-ui-bundle.js']);

/** For documents that are the same for every client; each page has its own nonce. */
const cacheControl = 'public, max-age=300';

type Pages = { readonly strict: boolean; readonly hasPages: boolean; readonly hasMailbox: boolean };

/** What a person finds who opens the bare host: the account page, or at home every page. */
export const homeRoutes = ({ strict, hasPages, hasMailbox }: Pages): readonly Route[] => {
  const { method, access, rate } = publicDocument;
  const home = { method, access, rate, path: '/' } as const;
  if (strict) return hasPages ? [page(home, (c) => c.redirect('/account', 302))] : [];
  const links = [
    ['/docs', 'API reference'],
    ...(hasPages ? [['/account', 'Account page'] as const] : []),
    ...(hasMailbox ? [['/dev/mailbox', 'Mailbox'] as const] : []),
    ['/readyz', 'Readiness'],
  ] as const;
  return [page(home, (c) => c.html(<Home links={links} nonce={usePagePolicy(c)} />))];
};

/** @param asset fetches a static asset; `scripts/build-assets.ts` says which there are */
export const docsRoutes = ({ asset }: { readonly asset: (path: string) => Promise<Response> }) => {
  const serve = async (c: Context<AppEnv>, file: string): Promise<Response> => {
    const response = await asset(`/${file}`);
    if (!response.ok) throw new AppError('not_found');
    c.header('Cache-Control', cacheControl);
    return c.body(response.body ?? '', 200, {
      'Content-Type': response.headers.get('Content-Type') ?? 'text/plain',
    });
  };

  return [
    route(
      {
        ...publicDocument,
        path: '/openapi.json',
        summary: 'Read this document',
        answers: { 200: { description: 'OpenAPI 3.1', mediaType: 'application/json' } },
      },
      (c) => serve(c, 'openapi.json'),
    ),
    route(
      {
        ...publicDocument,
        path: '/docs',
        summary: 'Read the API reference as a page',
        answers: { 200: { description: 'A page', mediaType: 'text/html' } },
      },
      (c) => c.html(<ApiReference nonce={usePagePolicy(c)} />),
    ),
    route(
      {
        ...publicDocument,
        path: '/docs/errors',
        summary: 'Read the error codes as a page; the `type` of a problem leads here',
        answers: { 200: { description: 'A page', mediaType: 'text/html' } },
      },
      (c) => c.html(<ErrorReference nonce={usePagePolicy(c)} />),
    ),
    route(
      {
        ...publicDocument,
        path: '/docs/assets/:file',
        summary: 'Read a file of the viewer of the API reference',
        params: z.strictObject({ file: z.string() }),
        answers: { 200: { description: 'A script or a style sheet', mediaType: 'text/javascript' } },
        errors: ['not_found'],
      },
      async (c) => {
        const { file } = c.req.valid('param');
        if (!viewerFiles.has(file)) throw new AppError('not_found');
        return serve(c, file);
      },
    ),
  ];
};
