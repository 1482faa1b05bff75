import type { StorageConfig } from '../config/uploads.ts';

/** Virtual-hosted at AWS unless a dot in the name would break the certificate; by path at any other endpoint. */
export const bucketUrlOf = ({ bucket, endpoint, aws }: Extract<StorageConfig, { kind: 's3' }>): string => {
  if (endpoint) return `${endpoint}/${bucket}`;
  const host = `s3.${aws.region}.amazonaws.com`;
  return bucket.includes('.') ? `https://${host}/${bucket}` : `https://${bucket}.${host}`;
};
