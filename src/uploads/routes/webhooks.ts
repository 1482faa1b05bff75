import type { RequestContext } from '../../platform/context.ts';
import { route } from '../../platform/http/route.ts';
import { callbackSecretHeader, ScanResultBody, ScanResultOutcome } from '../schema.ts';
import type { ScanEvent } from '../service/receive-scan-result.ts';

export type WebhookServices = {
  readonly receiveScanResult: (
    ctx: RequestContext,
    event: ScanEvent,
    secret: string | undefined,
  ) => Promise<'applied' | 'unchanged' | 'replayed' | 'unknown'>;
};

export const webhookRoutes = ({ receiveScanResult }: WebhookServices) => [
  route(
    {
      method: 'POST',
      path: '/webhooks/scan-result',
      summary: 'Take a scan result of GuardDuty from EventBridge, with the callback secret',
      tag: 'uploads',
      access: 'callback_secret',
      rate: 'webhook',
      json: ScanResultBody,
      answers: { 200: { description: 'What came of the result', schema: ScanResultOutcome } },
      errors: ['unauthenticated', 'not_found', 'validation_failed'],
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
      return c.json(
        { outcome: await receiveScanResult(ctx, event, c.req.header(callbackSecretHeader)) },
        200,
      );
    },
  ),
];
