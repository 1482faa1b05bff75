/** What Itsor has to make of a sample. */
export type Wanted = 'accepted' | 'refused';

export type Sample = {
  readonly producer: string;
  readonly title: string;
  /** The name under which it is uploaded; its ending decides on the declared type. */
  readonly filename: string;
  readonly content: Uint8Array;
  readonly wanted: Wanted;
};

export type Producer = {
  readonly name: string;
  readonly wanted: Wanted;
  /** @throws Missing where the producer is not installed */
  readonly make: (folder: string) => Promise<readonly Made[]>;
};

export type Made = Pick<Sample, 'title' | 'filename' | 'content'>;

/** A producer that is not on this machine: its samples are skipped, and the table says so. */
export class Missing extends Error {
  override readonly name = 'Missing';
}

const office = 'application/vnd.openxmlformats-officedocument';

/** `File.type` in Chromium by the ending of the name. */
const browserTypes: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  jpg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
  tiff: 'image/tiff',
  docx: `${office}.wordprocessingml.document`,
  xlsx: `${office}.spreadsheetml.sheet`,
  pptx: `${office}.presentationml.presentation`,
  zip: 'application/zip',
  '7z': 'application/x-7z-compressed',
  csv: 'text/csv',
  md: 'text/markdown',
  txt: 'text/plain',
  log: 'text/x-log',
};

/** Everything that a sample is declared as; an operator may allow these. */
export const allowedTypes = 'pdf,jpeg,png,gif,webp,tiff,docx,xlsx,pptx,zip,7z,csv,md,txt';

export const browserType = (filename: string): string =>
  browserTypes[filename.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
