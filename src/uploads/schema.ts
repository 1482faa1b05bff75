import * as z from 'zod';
import { guarddutyResults } from '../platform/rules/scan.ts';
import { canonicalName, essenceOf } from '../platform/rules/typed-text.ts';
import { digits, Id, Instant, text } from '../platform/schema/text.ts';
import { cleanFileName } from './rules/file-name.ts';
import { adviceOn, reasons } from './rules/reasons.ts';
import type { Upload, UploadLimits } from './rules/upload.ts';

const Sha256 = z
  .string()
  .overwrite(canonicalName)
  .regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the file in 64 hexadecimal digits')
  .meta({ examples: ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'] });

export const UploadBody = z.strictObject({
  filename: text()
    .overwrite(cleanFileName)
    .min(1, 'must not be empty')
    .max(255, 'at most 255 characters')
    .meta({ examples: ['report.pdf'] }),
  content_type: z
    .string()
    .overwrite(essenceOf)
    .max(127, 'at most 127 characters')
    .meta({ examples: ['application/pdf'] }),
  size: z.int().min(1, 'at least 1 byte').meta({ description: 'in bytes' }),
  sha256: Sha256,
});

export const UploadParams = z.strictObject({ id: Id });

/** The query of an upload URL; clients send it unchanged. */
export const UploadUrlQuery = z.strictObject({
  expires: digits(z.int().min(0).max(9_999_999_999)),
  signature: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

const Status = z.enum(['pending', 'scanning', 'clean', 'infected', 'failed']);

export const UploadItem = z
  .object({
    id: Id,
    filename: z.string(),
    content_type: z.string(),
    size: z.int(),
    sha256: z.string(),
    status: Status,
    reason: z
      .string()
      .nullable()
      .meta({ description: `why it is not handed out: ${reasons.join(', ')}`, examples: ['macros'] }),
    detail: z.string().nullable().meta({ description: 'the reason as a sentence that says what to do' }),
    created_at: Instant,
  })
  .meta({ id: 'Upload' });

export const UploadList = z.object({ items: z.array(UploadItem), next_cursor: Id.nullable() });

export const UploadTicketResponse = z.object({
  id: Id,
  status: z.literal('pending'),
  upload: z.object({
    method: z.literal('PUT'),
    url: z.url(),
    headers: z.record(z.string(), z.string()).meta({ description: 'to be sent unchanged' }),
    size: z.int().meta({ description: 'bytes to send, for a progress bar' }),
    expires_at: Instant.meta({ description: 'when the URL ends; the same declaration gets a new one' }),
  }),
});

const quotaOf = (what: string) =>
  z.object({
    max: z.int().meta({ description: `${what} that the account may hold` }),
    used: z.int().meta({ description: `${what} that it holds; refused and deleted files do not count` }),
  });

export const UploadLimitsResponse = z.object({
  types: z
    .array(
      z.object({
        content_type: z.string().meta({ description: 'what to declare', examples: ['image/jpeg'] }),
        endings: z.array(z.string()).meta({
          description: 'endings of file names that serve for this type; empty where any serves',
          examples: [['.jpg', '.jpeg']],
        }),
      }),
    )
    .meta({ description: 'the types that are accepted; for a file input, join all of both with commas' }),
  max_bytes: z.int().meta({ description: 'size of the largest file, in bytes' }),
  quota: z.object({ files: quotaOf('files'), bytes: quotaOf('bytes') }),
  url_seconds: z.int().meta({ description: 'how long an upload URL is valid, in seconds' }),
});

export const uploadLimitsResponse = (limits: UploadLimits): z.infer<typeof UploadLimitsResponse> => ({
  types: limits.types.map(({ type, endings }) => ({ content_type: type, endings: [...endings] })),
  max_bytes: limits.maxBytes,
  quota: {
    files: { max: limits.quota.maxFiles, used: limits.used.files },
    bytes: { max: limits.quota.maxTotalBytes, used: limits.used.bytes },
  },
  url_seconds: limits.urlTtlSeconds,
});

export const uploadResponse = (upload: Upload): z.infer<typeof UploadItem> => {
  const reason = upload.status === 'infected' ? 'infected' : upload.reason;
  return {
    id: upload.id,
    filename: upload.filename,
    content_type: upload.contentType,
    size: upload.size,
    sha256: upload.sha256,
    status: upload.status,
    reason,
    detail: adviceOn(reason),
    created_at: upload.createdAt.toISOString(),
  };
};

/** The header that an EventBridge connection of the type API key sends. */
export const callbackSecretHeader = 'X-Scan-Callback-Secret';

/** The parts of EventBridge's event that are needed; AWS may add members at any time. */
export const ScanResultBody = z.object({
  id: text().min(1).max(128),
  source: z.literal('aws.guardduty'),
  'detail-type': z.literal('GuardDuty Malware Protection Object Scan Result'),
  time: z.iso.datetime(),
  detail: z.object({
    resourceType: z.literal('S3_OBJECT'),
    s3ObjectDetails: z.object({ bucketName: text(), objectKey: text(), eTag: text().max(128) }),
    scanResultDetails: z.object({
      scanResultStatus: z.enum(guarddutyResults),
      threats: z
        .array(z.object({ name: text() }))
        .max(1_000)
        .nullish(),
    }),
  }),
});

export const ScanResultOutcome = z.object({
  outcome: z.enum(['applied', 'unchanged', 'replayed', 'unknown']),
});
