import type { RequestContext, SessionContext } from '../../platform/context.ts';
import { drain } from '../../platform/http/body.ts';
import { readPreconditions } from '../../platform/http/preconditions.ts';
import { route } from '../../platform/http/route.ts';
import type { Page, PageRequest } from '../../platform/rules/page.ts';
import { checksumHeader } from '../../platform/rules/storage.ts';
import { PageQuery, pageResponse } from '../../platform/schema/page.ts';
import { respondWithAttachment } from '../http/attachment-response.ts';
import type { Upload, UploadDeclaration } from '../rules/upload.ts';
import {
  UploadBody,
  UploadItem,
  UploadList,
  UploadParams,
  UploadTicketResponse,
  UploadUrlQuery,
  uploadResponse,
} from '../schema.ts';
import type { Completion } from '../service/complete.ts';
import type { CreatedUpload } from '../service/create.ts';
import type { AskedDownload, Download } from '../service/download.ts';
import type { IncomingBytes } from '../service/receive.ts';

/** More than a file of the default limit: most of those that are refused end in order. */
const maxDrainedBytes = 8_388_608;

export type UploadServices = {
  readonly create: (
    ctx: SessionContext,
    declaration: UploadDeclaration,
    origin: string,
  ) => Promise<CreatedUpload>;
  readonly receive: (ctx: RequestContext, incoming: IncomingBytes) => Promise<void>;
  readonly complete: (ctx: SessionContext, id: string) => Promise<Completion>;
  readonly list: (ctx: SessionContext, page: PageRequest) => Promise<Page<Upload>>;
  readonly show: (ctx: SessionContext, id: string) => Promise<Upload>;
  readonly remove: (ctx: SessionContext, id: string) => Promise<void>;
  readonly download: (ctx: SessionContext, id: string, asked: AskedDownload) => Promise<Download>;
};

const refusals = ['account_disabled', 'email_not_verified', 'validation_failed'] as const;

export const uploadRoutes = ({ create, receive, complete, list, show, remove, download }: UploadServices) => [
  route(
    {
      method: 'POST',
      path: '/uploads',
      summary: 'Declare a file, and get the URL that takes just its bytes',
      tag: 'uploads',
      access: 'session',
      rate: 'upload',
      json: UploadBody,
      answers: { 201: { description: 'Where and how to send the bytes', schema: UploadTicketResponse } },
      errors: [...refusals, 'upload_quota_exceeded', 'uploads_disabled'],
    },
    async (c, ctx) => {
      const { filename, content_type: contentType, size, sha256 } = c.req.valid('json');
      // The URL has the origin that the client itself has used.
      const { origin } = new URL(c.req.url);
      const created = await create(ctx, { filename, contentType, size, sha256 }, origin);
      const { id, method, url, headers, expiresAt } = created;
      c.header('Location', `/uploads/${id}`);
      return c.json(
        {
          id,
          status: 'pending' as const,
          upload: { method, url, headers, expires_at: expiresAt.toISOString() },
        },
        201,
      );
    },
  ),
  route(
    {
      method: 'GET',
      path: '/uploads',
      summary: 'List your files, newest first',
      tag: 'uploads',
      access: 'session',
      query: PageQuery,
      answers: { 200: { description: 'A page of files', schema: UploadList } },
      errors: refusals,
    },
    async (c, ctx) => {
      const { cursor = null, limit } = c.req.valid('query');
      return c.json(pageResponse(await list(ctx, { cursor, limit }), uploadResponse), 200);
    },
  ),
  route(
    {
      method: 'PUT',
      path: '/uploads/:id/content',
      summary: 'Send the bytes to the URL that was given out for them; with S3 that URL is another',
      tag: 'uploads',
      access: 'anyone',
      rate: 'bytes',
      params: UploadParams,
      query: UploadUrlQuery,
      bytes: true,
      answers: { 200: { description: 'Kept in quarantine' } },
      errors: [
        'upload_url_invalid',
        'not_found',
        'conflict',
        'upload_rejected',
        'uploads_disabled',
        'validation_failed',
      ],
    },
    async (c, ctx) => {
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
        await receive(ctx, incoming);
      } catch (error) {
        await drain(body, maxDrainedBytes).catch(() => {});
        throw error;
      }
      return c.body(null, 200);
    },
  ),
  route(
    {
      method: 'POST',
      path: '/uploads/:id/complete',
      summary: 'Say that the bytes are there, and have them scanned',
      tag: 'uploads',
      access: 'session',
      rate: 'completion',
      params: UploadParams,
      answers: {
        200: { description: 'How far the file is', schema: UploadItem },
        202: { description: 'Another request looks into the bytes; ask again', schema: UploadItem },
      },
      errors: [...refusals, 'not_found', 'conflict', 'upload_rejected', 'uploads_disabled'],
    },
    async (c, ctx) => {
      const { upload, isBeingInspected } = await complete(ctx, c.req.valid('param').id);
      if (isBeingInspected) c.header('Retry-After', '1');
      return c.json(uploadResponse(upload), isBeingInspected ? 202 : 200);
    },
  ),
  route(
    {
      method: 'GET',
      path: '/uploads/:id/download',
      summary: 'Download the bytes of a clean file, or a range of them',
      tag: 'uploads',
      access: 'session',
      params: UploadParams,
      answers: {
        200: { description: 'The file as an attachment', mediaType: 'application/octet-stream' },
      },
      conditional: ['If-Match', 'If-None-Match'],
      ranged: true,
      tagged: true,
      errors: [
        ...refusals,
        'not_found',
        'upload_not_clean',
        'conflict',
        'precondition_failed',
        'range_not_satisfiable',
      ],
    },
    async (c, ctx) => {
      const asked: AskedDownload = {
        preconditions: readPreconditions(c),
        // RFC 9110 section 14.2: a range is one of a GET.
        range: c.req.method === 'HEAD' ? undefined : c.req.header('Range'),
        ifRange: c.req.header('If-Range'),
      };
      return respondWithAttachment(c, await download(ctx, c.req.valid('param').id, asked));
    },
  ),
  route(
    {
      method: 'GET',
      path: '/uploads/:id',
      summary: 'Read one of your files',
      tag: 'uploads',
      access: 'session',
      params: UploadParams,
      answers: { 200: { description: 'The file, without its bytes', schema: UploadItem } },
      errors: [...refusals, 'not_found'],
    },
    async (c, ctx) => c.json(uploadResponse(await show(ctx, c.req.valid('param').id)), 200),
  ),
  route(
    {
      method: 'DELETE',
      path: '/uploads/:id',
      summary: 'Delete one of your files, whatever its status',
      tag: 'uploads',
      access: 'session',
      params: UploadParams,
      answers: { 204: { description: 'Deleted' } },
      errors: [...refusals, 'not_found'],
    },
    async (c, ctx) => {
      await remove(ctx, c.req.valid('param').id);
      return c.body(null, 204);
    },
  ),
];
