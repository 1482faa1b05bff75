import { drain } from '../platform/http/body.ts';
import { readPreconditions } from '../platform/http/preconditions.ts';
import { reasonsFor } from '../platform/http/reasons.ts';
import { route, type Web } from '../platform/http/route.ts';
import { apiUrlOf } from '../platform/pages/site.ts';
import { checksumHeader } from '../platform/rules/storage.ts';
import { PageQuery, pageResponse } from '../platform/schema/page.ts';
import { respondWithAttachment } from './http.ts';
import {
  callbackSecretHeader,
  ScanResultBody,
  ScanResultOutcome,
  UploadBody,
  UploadItem,
  UploadLimitsResponse,
  UploadList,
  UploadParams,
  UploadTicketResponse,
  UploadUrlQuery,
  uploadLimitsResponse,
  uploadResponse,
} from './schema.ts';
import type { AskedDownload } from './service/download.ts';
import type { IncomingBytes } from './service/receive.ts';
import type { ScanEvent } from './service/scan-results.ts';
import type { Uploads } from './service.ts';

/** More than a file of the default limit, so that most refused requests end in order. */
const maxDrainedBytes = 8_388_608;

/** Most scans take less. */
const scanPollSeconds = 2;

const refusals = ['account_disabled', 'email_not_verified', 'validation_failed'] as const;

export const uploadRoutes = (uploads: Uploads, { site }: Pick<Web, 'site'>) => [
  route(
    {
      method: 'POST',
      path: '/uploads',
      summary: 'Declare a file, and get the URL that takes exactly its bytes',
      description:
        'The first of three steps: declare name, type, size and SHA-256, send the bytes to the URL in the answer, and confirm them with /uploads/{id}/complete. Send exactly the method and the headers that the answer names. After an aborted upload, or when the URL has ended, send the same declaration again: a file that still waits for its bytes keeps its id and gets a fresh URL (200), without another place in the quota.',
      tag: 'uploads',
      access: 'session',
      rate: 'upload',
      json: UploadBody,
      reasons: reasonsFor(UploadBody, async (_, { content_type: contentType, filename, size }) =>
        uploads.flawsOf({
          ...(filename !== undefined && { filename }),
          ...(contentType !== undefined && { contentType }),
          ...(size !== undefined && { size }),
        }),
      ),
      answers: {
        200: { description: 'The same file again, with a fresh upload URL', schema: UploadTicketResponse },
        201: { description: 'Where and how to send the bytes', schema: UploadTicketResponse },
      },
      errors: [...refusals, 'upload_quota_exceeded', 'uploads_disabled'],
      budget: { trips: 1, objects: 2 },
    },
    async (c, ctx) => {
      const { filename, content_type: contentType, size, sha256 } = c.req.valid('json');
      const apiUrl = apiUrlOf(site, c.req.url);
      const created = await uploads.create(ctx, { filename, contentType, size, sha256 }, apiUrl);
      const { id, isNew, method, url, headers, expiresAt } = created;
      c.header('Location', `/uploads/${id}`);
      return c.json(
        {
          id,
          status: 'pending' as const,
          upload: { method, url, headers, size: created.size, expires_at: expiresAt.toISOString() },
        },
        isNew ? 201 : 200,
      );
    },
  ),
  route(
    {
      method: 'GET',
      path: '/uploads',
      summary: 'List your files, newest first',
      description:
        'Follow `next_cursor` until it is null. Files that wait for their bytes or their scan are in the list too, with their status.',
      tag: 'uploads',
      access: 'session',
      query: PageQuery,
      answers: { 200: { description: 'A page of files', schema: UploadList } },
      errors: refusals,
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => {
      const { cursor = null, limit } = c.req.valid('query');
      return c.json(pageResponse(await uploads.list(ctx, { cursor, limit }), uploadResponse), 200);
    },
  ),
  route(
    {
      method: 'GET',
      path: '/uploads/limits',
      summary: 'Read what you may upload, and how much of your quota is used',
      description:
        'Ask before a person chooses a file: the types that are accepted with the endings of their files, the largest size, and the quota of the account. Files that wait for their bytes or their scan, and clean ones, count. Refused, expired and deleted files do not.',
      tag: 'uploads',
      access: 'session',
      answers: { 200: { description: 'The limits, and what is used', schema: UploadLimitsResponse } },
      errors: [...refusals, 'uploads_disabled'],
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => c.json(uploadLimitsResponse(await uploads.limits(ctx)), 200),
  ),
  route(
    {
      method: 'PUT',
      path: '/uploads/:id/content',
      summary: 'Send the bytes to their upload URL; with S3 that is a URL of S3',
      description:
        'Do not build this URL: use the one in the answer to POST /uploads, with its headers. Its signature is the only credential, so send no token. It takes the declared bytes until they are confirmed or it expires.',
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
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => {
      const body = c.req.raw.body ?? new Blob([]).stream();
      const { pathname, search } = new URL(c.req.url);
      const path = pathname === `${site.basePath}${c.req.path}` ? c.req.path : pathname;
      const incoming: IncomingBytes = {
        target: `${path}${search}`,
        uploadId: c.req.valid('param').id,
        ...c.req.valid('query'),
        contentType: c.req.header('Content-Type'),
        contentLength: c.req.header('Content-Length'),
        checksum: c.req.header(checksumHeader),
        body,
      };
      try {
        await uploads.receive(ctx, incoming);
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
      summary: 'Confirm that the bytes are there, and have them inspected and scanned',
      description:
        'The third step, after the bytes were sent. It can be repeated, also to read how the scan goes on: after a 202, wait for Retry-After and ask again.',
      tag: 'uploads',
      access: 'session',
      rate: 'completion',
      params: UploadParams,
      answers: {
        200: { description: 'The file at its end', schema: UploadItem },
        202: { description: 'The file waits for its inspection or scan; ask again', schema: UploadItem },
      },
      errors: [...refusals, 'not_found', 'conflict', 'uploads_disabled'],
      budget: { trips: 2, objects: 2 },
    },
    async (c, ctx) => {
      const upload = await uploads.complete(ctx, c.req.valid('param').id);
      const isOpen = upload.status === 'scanning';
      if (isOpen) c.header('Retry-After', '1');
      return c.json(uploadResponse(upload), isOpen ? 202 : 200);
    },
  ),
  route(
    {
      method: 'GET',
      path: '/uploads/:id/download',
      summary: 'Download the bytes of a clean file, or a range of them',
      description:
        'Only a file with the status `clean` is handed out, and only to its owner. Ranges and preconditions let a client continue a download that broke off.',
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
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => {
      const asked: AskedDownload = {
        preconditions: readPreconditions(c),
        // RFC 9110 section 14.2: only a GET has a range.
        range: c.req.method === 'HEAD' ? undefined : c.req.header('Range'),
        ifRange: c.req.header('If-Range'),
      };
      return respondWithAttachment(c, await uploads.download(ctx, c.req.valid('param').id, asked));
    },
  ),
  route(
    {
      method: 'GET',
      path: '/uploads/:id',
      summary: 'Read one of your files',
      description:
        'Ask for it to learn whether the scan is over: `status` says whether the file can be downloaded. While the file is scanned, wait for Retry-After before you ask again.',
      tag: 'uploads',
      access: 'session',
      params: UploadParams,
      answers: { 200: { description: 'The file, without its bytes', schema: UploadItem } },
      errors: [...refusals, 'not_found'],
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => {
      const upload = await uploads.show(ctx, c.req.valid('param').id);
      if (upload.status === 'scanning') c.header('Retry-After', String(scanPollSeconds));
      return c.json(uploadResponse(upload), 200);
    },
  ),
  route(
    {
      method: 'DELETE',
      path: '/uploads/:id',
      summary: 'Delete one of your files in any status',
      description:
        'The bytes are deleted too, and a running scan changes nothing any more. The place counts for the limits of the account again.',
      tag: 'uploads',
      access: 'session',
      params: UploadParams,
      answers: { 204: { description: 'Deleted' } },
      errors: [...refusals, 'not_found'],
      budget: { trips: 1, objects: 2 },
    },
    async (c, ctx) => {
      await uploads.remove(ctx, c.req.valid('param').id);
      return c.body(null, 204);
    },
  ),
  route(
    {
      method: 'POST',
      path: '/webhooks/scan-result',
      summary: 'Take a scan result of GuardDuty from EventBridge, with the callback secret',
      description:
        'For Amazon EventBridge alone. A result that comes twice, late or for another version of the object changes nothing, so it may be sent again at any time.',
      tag: 'uploads',
      access: 'callback_secret',
      admit: (c) => uploads.admitScanner(c.req.header(callbackSecretHeader)),
      rate: 'webhook',
      json: ScanResultBody,
      answers: { 200: { description: 'What the result changed', schema: ScanResultOutcome } },
      errors: ['unauthenticated', 'not_found', 'validation_failed'],
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => {
      const { id, time, detail } = c.req.valid('json');
      const { s3ObjectDetails: object, scanResultDetails: result } = detail;
      const event: ScanEvent = {
        id,
        time: new Date(time),
        bucket: object.bucketName,
        key: object.objectKey,
        etag: object.eTag.replaceAll('"', ''),
        result: result.scanResultStatus,
        threats: (result.threats ?? []).map(({ name }) => name),
      };
      return c.json({ outcome: await uploads.receiveScanResult(ctx, event) }, 200);
    },
  ),
];
