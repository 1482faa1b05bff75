const s3 = {
  UPLOAD_STORAGE: 's3',
  S3_BUCKET: 'amzn-s3-demo-bucket',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
/** A Worker whose files GuardDuty scans. */
export const guardduty = {
  ...s3,
  UPLOAD_SCANNER: 'guardduty',
  SCAN_CALLBACK_SECRET: 'the callback secret of these tests',
};
type Overrides = {
  id?: string;
  time?: string;
  result?: string;
  status?: string;
  threats?: unknown;
  object?: object;
};

/** As the user guide of GuardDuty shows it: "Monitoring S3 object scans with Amazon EventBridge". */
export const scanResult = (key: string, etag: string, given: Overrides = {}) => ({
  version: '0',
  id: given.id ?? crypto.randomUUID(),
  'detail-type': 'GuardDuty Malware Protection Object Scan Result',
  source: 'aws.guardduty',
  account: '111122223333',
  time: given.time ?? new Date().toISOString(),
  region: 'us-east-1',
  resources: ['arn:aws:guardduty:us-east-1:111122223333:malware-protection-plan/b4c7f464ab3a4EXAMPLE'],
  detail: {
    schemaVersion: '1.0',
    scanStatus: given.status ?? 'COMPLETED',
    resourceType: 'S3_OBJECT',
    s3ObjectDetails: {
      bucketName: 'amzn-s3-demo-bucket',
      objectKey: key,
      eTag: etag,
      versionId: 'd41d8cd98f00b204e9800998eEXAMPLE',
      s3Throttled: false,
      ...given.object,
    },
    scanResultDetails: {
      scanResultStatus: given.result ?? 'NO_THREATS_FOUND',
      threats: given.threats ?? null,
    },
  },
});

/** A result about a file that does not exist. */
export const strayScanResult = scanResult(
  `quarantine/${crypto.randomUUID()}/${crypto.randomUUID()}`,
  'd41d8cd98f00b204e9800998ecf8427e',
);
