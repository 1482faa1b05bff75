import { AwsClient } from 'aws4fetch';
import type { StorageConfig } from '../config/uploads.ts';
import type { Scanner, ScanOutcome } from '../rules/scan.ts';
import { amzDate } from '../rules/storage.ts';

type Options = Pick<Extract<StorageConfig, { kind: 's3' }>, 'bucket' | 'aws'>;

/**
 * GuardDuty Malware Protection for S3. It scans every new object of the bucket and reports to the webhook; a scan is
 * requested only from the second attempt on, when no report has come.
 * @see https://docs.aws.amazon.com/guardduty/latest/APIReference/API_SendObjectMalwareScan.html
 */
export const createGuarddutyScanner = ({ bucket, aws }: Options, clock: () => Date): Scanner => {
  const signer = new AwsClient({
    accessKeyId: aws.accessKeyId.reveal(),
    secretAccessKey: aws.secretAccessKey.reveal(),
    region: aws.region,
    service: 'guardduty',
  });
  const url = `https://guardduty.${aws.region}.amazonaws.com/object-malware-scan/send`;

  return {
    engine: 'guardduty',
    ping: null,
    scan: async ({ key, attempt }, signal): Promise<ScanOutcome> => {
      if (attempt === 1) return { kind: 'awaited' };
      const request = await signer.sign(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ s3Object: { bucket, key } }),
        redirect: 'manual',
        aws: { datetime: amzDate(clock()) },
      });
      const response = await fetch(request, { signal }).catch(() => null);
      await response?.body?.cancel();
      if (!response) return { kind: 'unavailable', reason: 'guardduty connection failed' };
      if (response.ok) return { kind: 'awaited' };
      const isTheirTrouble = response.status === 429 || response.status >= 500;
      return { kind: isTheirTrouble ? 'unavailable' : 'retry', reason: `guardduty ${response.status}` };
    },
  };
};
