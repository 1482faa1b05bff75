import { Hono } from 'hono';
import type { RequestContext } from '../../platform/context.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { validate } from '../../platform/http/validate.ts';
import { callbackSecretHeader, ScanResultBody } from '../schema.ts';
import type { ScanEvent } from '../service/receive-scan-result.ts';

export type WebhookServices = {
  readonly receiveScanResult: (
    ctx: RequestContext,
    event: ScanEvent,
    secret: string | undefined,
  ) => Promise<'applied' | 'unchanged' | 'replayed' | 'unknown'>;
};

/** What others tell us, under `/webhooks`. */
export const webhookRoutes = ({ receiveScanResult }: WebhookServices) =>
  new Hono<AppEnv>().post('/scan-result', validate('json', ScanResultBody), async (c) => {
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
    return c.json({ outcome: await receiveScanResult(c.var.ctx, event, c.req.header(callbackSecretHeader)) });
  });
