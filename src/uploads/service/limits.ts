import type { Config } from '../../platform/config/schema.ts';
import type { SessionContext } from '../../platform/context.ts';
import { endingsOf } from '../../platform/rules/media-types.ts';
import { type UploadLimits, uploadUrlTtlSeconds } from '../rules/upload.ts';
import type { UploadSql } from '../sql/uploads.ts';

type Policy = Pick<Config['uploads'], 'maxBytes' | 'allowedTypes' | 'quota'>;

/** Tells an account what a declaration is held against. @throws AppError what the gate refuses with */
export const createLimits =
  ({ rows, policy }: { readonly rows: Pick<UploadSql, 'usage'>; readonly policy: Policy }) =>
  async (ctx: SessionContext): Promise<UploadLimits> => ({
    types: policy.allowedTypes.map((type) => ({ type, endings: endingsOf(type) })),
    maxBytes: policy.maxBytes,
    quota: policy.quota,
    used: await rows.usage(ctx),
    urlTtlSeconds: uploadUrlTtlSeconds,
  });
