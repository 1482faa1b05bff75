/** `infected` is final and overrides every other; `failed` can become `infected` only. */
export type UploadStatus = 'pending' | 'scanning' | 'clean' | 'infected' | 'failed';

/** A file as its owner declares it before sending the bytes. */
export type UploadDeclaration = {
  /** Shown and sent back; never part of a key or a path. */
  readonly filename: string;
  readonly contentType: string;
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
};

export type Upload = UploadDeclaration & {
  readonly id: string;
  readonly status: UploadStatus;
  /** A stable word that says why it failed. */
  readonly reason: string | null;
  readonly createdAt: Date;
  /** When the upload URL ends. */
  readonly expiresAt: Date;
};

/** With the facts for jobs: where the bytes lie, and what is left to do. */
export type UploadRecord = Upload & {
  readonly userId: string | null;
  readonly objectName: string;
  /** The ETag of the bytes that were confirmed and scanned; null before the confirmation. */
  readonly etag: string | null;
  /** The ETag of the copy outside the quarantine; null until there is one. */
  readonly promotedEtag: string | null;
  /** How many times the present piece of work has begun. */
  readonly attempts: number;
  /** When the next one is due; null where nothing is left to do. */
  readonly nextAttemptAt: Date | null;
  /** When the content was found to agree with the type. */
  readonly inspectedAt: Date | null;
  readonly deletedAt: Date | null;
};

/** Made of ids alone, the owner's first, so that an account cannot name an object of another. */
export const objectName = (userId: string, uploadId: string): string => `${userId}/${uploadId}`;

export const quarantinePrefix = 'quarantine/';
export const quarantineKey = (name: string): string => `${quarantinePrefix}${name}`;
export const cleanKey = (name: string): string => `clean/${name}`;

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const uuidShape = new RegExp(`^${uuid}$`);
export const isUuid = (text: string): boolean => uuidShape.test(text);

const quarantineShape = new RegExp(`^${quarantinePrefix}(${uuid}/(${uuid}))$`);

/** The upload of a key in quarantine, or null for a key of another shape. */
export const readQuarantineKey = (key: string): { objectName: string; uploadId: string } | null => {
  const [, name, uploadId] = quarantineShape.exec(key) ?? [];
  return name && uploadId ? { objectName: name, uploadId } : null;
};

/** How long an upload URL is valid, and how long after that the file can be confirmed. */
export const uploadUrlTtlSeconds = 900;
export const confirmationGraceSeconds = 900;

/** How much one account may hold. */
export type UploadQuota = { readonly maxFiles: number; readonly maxTotalBytes: number };

/** How much of it an account holds: files that wait, are scanned or are clean. */
export type UploadUsage = { readonly files: number; readonly bytes: number };

/** What a declaration is held against. */
export type UploadLimits = {
  readonly types: readonly { readonly type: string; readonly endings: readonly string[] }[];
  /** Of one file. */
  readonly maxBytes: number;
  readonly quota: UploadQuota;
  readonly used: UploadUsage;
  readonly urlTtlSeconds: number;
};
