import { isRecognisable } from '../rules/detected-types.ts';
import { type AwsConfig, readAws } from './email.ts';
import { requireEach, type Scope } from './resolve.ts';
import { Secret, secretHint, weaknessOf } from './secret.ts';

export type StorageConfig =
  | { readonly kind: 'r2' }
  /** `endpoint` null: AWS's own. */
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

const readStorage = (scope: Scope): StorageConfig => {
  const { UPLOAD_STORAGE: kind, S3_BUCKET: bucket = '', S3_ENDPOINT: endpoint = null } = scope.settings;
  if (kind === 'r2') return { kind };
  requireEach(scope, 'is required by s3', ['S3_BUCKET']);
  if (scope.strict && endpoint?.startsWith('http:')) scope.problem('S3_ENDPOINT', 'must be an https URL');
  return { kind, bucket, endpoint, aws: readAws(scope, kind) };
};

const readScanner = (scope: Scope): ScannerConfig | null => {
  const { settings, strict, given, problem, warning } = scope;
  const kind = settings.UPLOAD_SCANNER;
  switch (kind) {
    case 'guardduty': {
      const { SCAN_CALLBACK_SECRET: callbackSecret = new Secret('') } = settings;
      requireEach(scope, `is required by guardduty: ${secretHint}`, ['SCAN_CALLBACK_SECRET']);
      // A person who knows the secret can call an infected file clean.
      const weakness = strict && given.has('SCAN_CALLBACK_SECRET') ? weaknessOf(callbackSecret) : undefined;
      if (weakness) problem('SCAN_CALLBACK_SECRET', `${weakness}: ${secretHint}`);
      // Files elsewhere would wait for a verdict forever.
      if (settings.UPLOAD_STORAGE !== 's3') problem('UPLOAD_SCANNER', 'guardduty scans files on s3 only');
      if (settings.S3_ENDPOINT) warning('S3_ENDPOINT', 'guardduty scans files on the S3 of AWS only');
      return { kind, callbackSecret };
    }
    case 'clamav': {
      requireEach(scope, 'is required by clamav: host:port of clamd', ['CLAMD_ADDRESS']);
      return { kind, ...(settings.CLAMD_ADDRESS ?? { hostname: '', port: 0 }) };
    }
    case 'builtin': {
      if (!strict) return { kind };
      if (given.has('UPLOAD_SCANNER'))
        problem('UPLOAD_SCANNER', 'builtin is for local environments: use guardduty or clamav');
      return null;
    }
  }
};

const readQuota = ({ settings, given, problem }: Scope) => {
  const { UPLOAD_MAX_BYTES: maxBytes, UPLOAD_MAX_TOTAL_BYTES_PER_USER: bytes } = settings;
  const isGiven = given.has('UPLOAD_MAX_TOTAL_BYTES_PER_USER');
  const maxTotalBytes = isGiven ? bytes : Math.max(bytes, maxBytes);
  if (maxTotalBytes < maxBytes)
    problem('UPLOAD_MAX_TOTAL_BYTES_PER_USER', 'must not be less than UPLOAD_MAX_BYTES');
  return { maxFiles: settings.UPLOAD_MAX_FILES_PER_USER, maxTotalBytes };
};

/** Each type once. */
const readTypes = ({ settings, warning }: Scope): readonly string[] => {
  const types = [...new Set(settings.UPLOAD_ALLOWED_TYPES)];
  const unknown = types.filter((type) => !isRecognisable(type));
  if (unknown.length > 0)
    warning(
      'UPLOAD_ALLOWED_TYPES',
      `${unknown.join(', ')}: Itsor cannot tell this type by the content, and refuses every file of it`,
    );
  return types;
};

export const readUploads = (scope: Scope) =>
  ({
    storage: readStorage(scope),
    maxBytes: scope.settings.UPLOAD_MAX_BYTES,
    pauseMs: scope.settings.UPLOAD_PAUSE_MS,
    /** The limits of one account. */
    quota: readQuota(scope),
    /** Canonical media types. */
    allowedTypes: readTypes(scope),
    /** Null: no file is accepted. */
    scanner: readScanner(scope),
  }) as const;
