import type { Context } from 'hono';
import type { AppEnv } from '../platform/http/app-env.ts';
import { noContentPolicy } from '../platform/http/content-security-policy.ts';
import { setEntityTag } from '../platform/http/preconditions.ts';
import { contentRange } from '../platform/rules/byte-range.ts';
import { attachmentOf } from './rules/file-name.ts';
import type { Download } from './service/download.ts';

/**
 * A file as a download: never shown, run or cached (OWASP ASVS 5.0, 5.4). Where a browser shows it all the same, the
 * sandbox takes scripts and the origin away.
 */
export const respondWithAttachment = async (
  c: Context<AppEnv>,
  { upload, version, bytes }: Download,
): Promise<Response> => {
  c.header('Content-Security-Policy', `${noContentPolicy}; sandbox`);
  // Compression on the way would change its ranges too; the local proxy heeds only Content-Encoding.
  c.header('Content-Encoding', 'identity');
  c.header('Accept-Ranges', 'bytes');
  setEntityTag(c, version);
  if (bytes === null) return c.body(null, 304);
  const { span, open } = bytes;
  if (span) c.header('Content-Range', contentRange(upload.size, span));
  c.header('Content-Type', upload.contentType);
  c.header('Content-Disposition', attachmentOf(upload.filename));
  c.header('Content-Length', String(span?.length ?? upload.size));
  return c.newResponse(c.req.method === 'HEAD' ? null : await open(), span ? 206 : 200);
};
