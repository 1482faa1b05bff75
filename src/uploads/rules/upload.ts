/** `infected` is final and wins over every other; `failed` can become nothing but `infected`. */
export type UploadStatus = 'pending' | 'scanning' | 'clean' | 'infected' | 'failed';

/** A file as its owner declares it before sending a byte. */
export type UploadDeclaration = {
  /** Data, shown and sent back; never part of a key or a path. */
  readonly filename: string;
  readonly contentType: string;
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
};

export type Upload = UploadDeclaration & {
  readonly id: string;
  readonly status: UploadStatus;
  /** Why it failed, as a stable word. */
  readonly reason: string | null;
  readonly createdAt: Date;
  /** When the upload URL ends. */
  readonly expiresAt: Date;
};

/** What the jobs know beside that: where the bytes lie, and what is still to be done about them. */
export type UploadRecord = Upload & {
  readonly userId: string | null;
  readonly objectName: string;
  /** Of the bytes that were confirmed and scanned; null while nothing is confirmed. */
  readonly etag: string | null;
  /** Of the copy outside the quarantine; null until there is one. */
  readonly promotedEtag: string | null;
  /** How often the present piece of work has begun. */
  readonly attempts: number;
  readonly deletedAt: Date | null;
};

/** Made of ids alone; the owner's comes first, so that nobody can name an object of somebody else. */
export const objectName = (userId: string, uploadId: string): string => `${userId}/${uploadId}`;

export const quarantinePrefix = 'quarantine/';
export const quarantineKey = (name: string): string => `${quarantinePrefix}${name}`;
export const cleanKey = (name: string): string => `clean/${name}`;

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const quarantineShape = new RegExp(`^${quarantinePrefix}(${uuid}/(${uuid}))$`);

/** The upload that a key in quarantine belongs to, or null for a key that we have not made. */
export const readQuarantineKey = (key: string): { objectName: string; uploadId: string } | null => {
  const [, name, uploadId] = quarantineShape.exec(key) ?? [];
  return name && uploadId ? { objectName: name, uploadId } : null;
};

/** How long the URL serves, and how long after that a file may still be confirmed. */
export const uploadUrlTtlSeconds = 900;
export const confirmationGraceSeconds = 900;

/** What one account may hold. */
export type UploadQuota = { readonly maxFiles: number; readonly maxTotalBytes: number };
