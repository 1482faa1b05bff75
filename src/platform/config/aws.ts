import type { Scope } from './scope.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';

export type AwsConfig = {
  readonly region: string;
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
};

/** The account of AWS, asked for by a part that needs it. */
export const readAws = (settings: Settings, neededBy: string, { problem }: Scope): AwsConfig => {
  const {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  } = settings;
  if (!region) problem('AWS_REGION', `is required by ${neededBy}`);
  if (!accessKeyId) problem('AWS_ACCESS_KEY_ID', `is required by ${neededBy}`);
  if (!secretAccessKey) problem('AWS_SECRET_ACCESS_KEY', `is required by ${neededBy}`);
  return {
    region: region ?? '',
    accessKeyId: accessKeyId ?? new Secret(''),
    secretAccessKey: secretAccessKey ?? new Secret(''),
  };
};
