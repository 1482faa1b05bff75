import * as z from 'zod';
import { AppError } from '../platform/errors.ts';
import { usePagePolicy } from '../platform/http/content-security-policy.ts';
import {
  page,
  publicCacheControl,
  publicDocument,
  type Route,
  route,
  type Web,
} from '../platform/http/route.ts';
import { ApiReference, ErrorReference, Home } from './pages.tsx';
import { type Deployment, describeDeployment, type OpenApi } from './rules.ts';

/** The files of the viewer's package that the page needs; no other file is served. */
const viewerFiles: ReadonlySet<string> = new Set(['swagger-ui.css', 'swagger-ui-bundle.js']);

type Pages = { readonly strict: boolean; readonly hasPages: boolean; readonly hasMailbox: boolean };

/** What a person finds who opens the bare host: the account page, or at home every page. */
export const homeRoutes = (
  { strict, hasPages, hasMailbox }: Pages,
  { site }: Pick<Web, 'site'>,
): readonly Route[] => {
  const { method, access, rate } = publicDocument;
  const home = { method, access, rate, path: '/' } as const;
  if (strict) return hasPages ? [page(home, (c) => c.redirect('/account', 302))] : [];
  const links = [
    ['/docs', 'API reference'],
    ...(hasPages ? [['/account', 'Account page'] as const] : []),
    ...(hasMailbox ? [['/dev/mailbox', 'Mailbox'] as const] : []),
    ['/readyz', 'Readiness'],
  ] as const;
  return [
    page(home, (c) => c.html(<Home basePath={site.basePath} links={links} nonce={usePagePolicy(c)} />)),
  ];
};

/** Fetches a static asset; `scripts/build-assets.ts` says which there are. */
type FetchAsset = (path: string) => Promise<Response>;

export const docsRoutes = (
  { asset }: { readonly asset: FetchAsset },
  { config, site }: Pick<Web, 'config' | 'site'>,
) => {
  const { origins, jwt, cookies } = config;
  const deployment: Deployment = {
    url: origins.api ?? '/',
    header: jwt.locations.header ? { name: jwt.headerName, type: jwt.headerType } : null,
    cookieName: jwt.locations.cookie ? cookies.sessionName : null,
  };
  const read = async (file: string): Promise<Response> => {
    const response = await asset(`/${file}`);
    if (!response.ok) throw new AppError('not_found');
    return response;
  };
  // Keeps the text rather than a promise of it, because a promise belongs to the request that made it.
  let document: string | undefined;

  return [
    route(
      {
        ...publicDocument,
        path: '/openapi.json',
        summary: 'Read this document',
        description:
          'For generators of clients. Servers and security schemes are those of this deployment, and everything else is the same everywhere.',
        answers: { 200: { description: 'OpenAPI 3.1', mediaType: 'application/json' } },
      },
      async (c) => {
        document ??= JSON.stringify(
          describeDeployment(await (await read('openapi.json')).json<OpenApi>(), deployment),
        );
        c.header('Cache-Control', publicCacheControl);
        return c.body(document, 200, { 'Content-Type': 'application/json' });
      },
    ),
    route(
      {
        ...publicDocument,
        path: '/docs',
        summary: 'Read the API reference as a page',
        description: 'For people who try requests in a browser.',
        answers: { 200: { description: 'A page', mediaType: 'text/html' } },
      },
      (c) => c.html(<ApiReference basePath={site.basePath} nonce={usePagePolicy(c)} />),
    ),
    route(
      {
        ...publicDocument,
        path: '/docs/errors',
        summary: 'Read the error codes as a page; the `type` of a problem leads here',
        description: 'It says what each `code` means and what a client can do.',
        answers: { 200: { description: 'A page', mediaType: 'text/html' } },
      },
      (c) => c.html(<ErrorReference basePath={site.basePath} nonce={usePagePolicy(c)} />),
    ),
    route(
      {
        ...publicDocument,
        path: '/docs/assets/:file',
        summary: 'Read a file of the viewer of the API reference',
        description: 'Only the page under /docs needs it.',
        params: z.strictObject({ file: z.string() }),
        answers: { 200: { description: 'A script or a style sheet', mediaType: 'text/javascript' } },
        errors: ['not_found'],
      },
      async (c) => {
        const { file } = c.req.valid('param');
        if (!viewerFiles.has(file)) throw new AppError('not_found');
        const { body, headers } = await read(file);
        c.header('Cache-Control', publicCacheControl);
        return c.body(body ?? '', 200, { 'Content-Type': headers.get('Content-Type') ?? 'text/plain' });
      },
    ),
  ];
};
