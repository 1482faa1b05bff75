import { type AwsConfig, readAws } from './aws.ts';
import type { Scope } from './scope.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';
import { list, value } from './values.ts';
import { secretHint, weaknessOf } from './weak-secrets.ts';

export type StorageConfig =
  | { readonly kind: 'r2' }
  /** `endpoint` null: the one of AWS. */
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly endpoint: string | null;
      readonly aws: AwsConfig;
    };

export type ScannerConfig =
  | { readonly kind: 'guardduty'; readonly callbackSecret: Secret }
  | { readonly kind: 'clamav'; readonly hostname: string; readonly port: number }
  /** Knows the EICAR test file and nothing else. Never strict. */
  | { readonly kind: 'builtin' };

export type UploadsConfig = {
  readonly storage: StorageConfig;
  readonly maxBytes: number;
  /** What one account may hold. */
  readonly quota: { readonly maxFiles: number; readonly maxTotalBytes: number };
  /** Media types, in lower case. */
  readonly allowedTypes: readonly string[];
  /** Null: no file is taken. */
  readonly scanner: ScannerConfig | null;
};

const mediaTypes: ReadonlyMap<string, string> = new Map([
  ['pdf', 'application/pdf'],
  ['png', 'image/png'],
  ['jpeg', 'image/jpeg'],
  ['jpg', 'image/jpeg'],
  ['docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['txt', 'text/plain'],
]);

export const defaultUploadTypes = ['pdf', 'png', 'jpeg', 'docx', 'txt'].map(
  (name) => mediaTypes.get(name) ?? name,
);

export const uploadTypes = list((entry, fail) => {
  const name = entry.toLowerCase();
  const type = mediaTypes.get(name) ?? name;
  return /^[a-z0-9.+-]+\/[a-z0-9.+-]+$/.test(type)
    ? type
    : fail(`must be one of ${[...mediaTypes.keys()].join(', ')}, or a media type`);
});

const clamdPort = 3310;

export const clamdAddress = value((given, fail) => {
  const url = /^[^/?#@\s]+$/.test(given) ? URL.parse(`tcp://${given}`) : null;
  if (!url?.hostname) return fail('must be host or host:port');
  return { hostname: url.hostname, port: url.port === '' ? clamdPort : Number(url.port) };
});

const readStorage = (settings: Settings, scope: Scope): StorageConfig => {
  if (settings.UPLOAD_STORAGE === 'r2') return { kind: 'r2' };
  const { S3_BUCKET: bucket, S3_ENDPOINT: endpoint } = settings;
  if (!bucket) scope.problem('S3_BUCKET', 'is required by s3');
  if (scope.strict && endpoint?.startsWith('http:')) scope.problem('S3_ENDPOINT', 'must be an https URL');
  return {
    kind: 's3',
    bucket: bucket ?? '',
    endpoint: endpoint ?? null,
    aws: readAws(settings, 's3', scope),
  };
};

const readScanner = (settings: Settings, { strict, problem, warning }: Scope): ScannerConfig | null => {
  switch (settings.UPLOAD_SCANNER) {
    case 'guardduty': {
      const { SCAN_CALLBACK_SECRET: secret } = settings;
      if (!secret) problem('SCAN_CALLBACK_SECRET', `is required by guardduty: ${secretHint}`);
      // Whoever knows it can call an infected file clean.
      const weakness = strict && secret ? weaknessOf(secret) : undefined;
      if (weakness) problem('SCAN_CALLBACK_SECRET', `${weakness}: ${secretHint}`);
      // It would never say a word about them.
      if (settings.UPLOAD_STORAGE !== 's3') problem('UPLOAD_SCANNER', 'guardduty scans files on s3 only');
      if (settings.S3_ENDPOINT) warning('S3_ENDPOINT', 'guardduty scans files on the S3 of AWS only');
      return { kind: 'guardduty', callbackSecret: secret ?? new Secret('') };
    }
    case 'clamav': {
      const { CLAMD_ADDRESS: address } = settings;
      if (!address) problem('CLAMD_ADDRESS', 'is required by clamav: host:port of clamd');
      return { kind: 'clamav', hostname: '', port: clamdPort, ...address };
    }
    case 'builtin': {
      if (strict) problem('UPLOAD_SCANNER', 'builtin is for local environments: use guardduty or clamav');
      return { kind: 'builtin' };
    }
    case undefined:
      return strict ? null : { kind: 'builtin' };
  }
};

const defaultTotalBytes = 1_073_741_824;

const readQuota = (settings: Settings, { problem }: Scope): UploadsConfig['quota'] => {
  const { UPLOAD_MAX_BYTES: maxBytes, UPLOAD_MAX_TOTAL_BYTES_PER_USER: given } = settings;
  const maxTotalBytes = given ?? Math.max(defaultTotalBytes, maxBytes);
  if (maxTotalBytes < maxBytes)
    problem('UPLOAD_MAX_TOTAL_BYTES_PER_USER', 'must not be less than UPLOAD_MAX_BYTES');
  return { maxFiles: settings.UPLOAD_MAX_FILES_PER_USER, maxTotalBytes };
};

export const readUploads = (settings: Settings, scope: Scope): UploadsConfig => ({
  storage: readStorage(settings, scope),
  maxBytes: settings.UPLOAD_MAX_BYTES,
  quota: readQuota(settings, scope),
  allowedTypes: [...new Set(settings.UPLOAD_ALLOWED_TYPES)],
  scanner: readScanner(settings, scope),
});
