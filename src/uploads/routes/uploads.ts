import { Hono, type MiddlewareHandler } from 'hono';
import type { RequestContext } from '../../platform/context.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { drain } from '../../platform/http/body.ts';
import { readPreconditions } from '../../platform/http/preconditions.ts';
import { validate } from '../../platform/http/validate.ts';
import type { Page, PageRequest } from '../../platform/rules/page.ts';
import { checksumHeader } from '../../platform/rules/storage.ts';
import { PageQuery, pageResponse } from '../../platform/schema/page.ts';
import { respondWithAttachment } from '../http/attachment-response.ts';
import type { Upload, UploadDeclaration } from '../rules/upload.ts';
import { UploadBody, UploadParams, UploadUrlQuery, uploadResponse } from '../schema.ts';
import type { Completion } from '../service/complete.ts';
import type { CreatedUpload } from '../service/create.ts';
import type { AskedDownload, Download } from '../service/download.ts';
import type { IncomingBytes } from '../service/receive.ts';

/** More than a file of the default limit: most of those that are refused end in order. */
const maxDrainedBytes = 8_388_608;

export type UploadServices = {
  readonly create: (
    ctx: RequestContext,
    declaration: UploadDeclaration,
    origin: string,
  ) => Promise<CreatedUpload>;
  readonly receive: (ctx: RequestContext, incoming: IncomingBytes) => Promise<void>;
  readonly complete: (ctx: RequestContext, id: string) => Promise<Completion>;
  readonly list: (ctx: RequestContext, page: PageRequest) => Promise<Page<Upload>>;
  readonly show: (ctx: RequestContext, id: string) => Promise<Upload>;
  readonly remove: (ctx: RequestContext, id: string) => Promise<void>;
  readonly download: (ctx: RequestContext, id: string, asked: AskedDownload) => Promise<Download>;
};

/** Files, under `/uploads`. */
export const uploadRoutes = (
  { create, receive, complete, list, show, remove, download }: UploadServices,
  login: MiddlewareHandler<AppEnv>,
) =>
  new Hono<AppEnv>()
    .post('/', login, validate('json', UploadBody), async (c) => {
      const { filename, content_type: contentType, size, sha256 } = c.req.valid('json');
      // The client is told the origin that it has used itself, and nobody else is told anything.
      const { origin } = new URL(c.req.url);
      const created = await create(c.var.ctx, { filename, contentType, size, sha256 }, origin);
      const { id, method, url, headers, expiresAt } = created;
      c.header('Location', `/uploads/${id}`);
      return c.json(
        { id, status: 'pending', upload: { method, url, headers, expires_at: expiresAt.toISOString() } },
        201,
      );
    })
    .get('/', login, validate('query', PageQuery), async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const page = await list(c.var.ctx, { cursor: cursor ?? null, limit });
      return c.json(pageResponse(page, uploadResponse));
    })
    .put('/:id/content', validate('param', UploadParams), validate('query', UploadUrlQuery), async (c) => {
      const body = c.req.raw.body ?? new Blob([]).stream();
      const { pathname, search } = new URL(c.req.url);
      const incoming: IncomingBytes = {
        target: `${pathname}${search}`,
        uploadId: c.req.valid('param').id,
        ...c.req.valid('query'),
        contentType: c.req.header('Content-Type'),
        contentLength: c.req.header('Content-Length'),
        checksum: c.req.header(checksumHeader),
        body,
      };
      try {
        await receive(c.var.ctx, incoming);
      } catch (error) {
        await drain(body, maxDrainedBytes).catch(() => {});
        throw error;
      }
      return c.body(null, 200);
    })
    .post('/:id/complete', login, validate('param', UploadParams), async (c) => {
      const { upload, isBeingInspected } = await complete(c.var.ctx, c.req.valid('param').id);
      if (isBeingInspected) c.header('Retry-After', '1');
      return c.json(uploadResponse(upload), isBeingInspected ? 202 : 200);
    })
    .get('/:id/download', login, validate('param', UploadParams), async (c) => {
      const asked: AskedDownload = {
        preconditions: readPreconditions(c),
        // RFC 9110 section 14.2: a range is one of a GET.
        range: c.req.method === 'HEAD' ? undefined : c.req.header('Range'),
        ifRange: c.req.header('If-Range'),
      };
      return respondWithAttachment(c, await download(c.var.ctx, c.req.valid('param').id, asked));
    })
    .get('/:id', login, validate('param', UploadParams), async (c) => {
      const upload = await show(c.var.ctx, c.req.valid('param').id);
      return c.json(uploadResponse(upload));
    })
    .delete('/:id', login, validate('param', UploadParams), async (c) => {
      await remove(c.var.ctx, c.req.valid('param').id);
      return c.body(null, 204);
    });
