import { checksumHeader, checksumOf, type IssueTicket } from '../domain/storage.ts';
import type { MacKeys } from './derived-keys.ts';

/** What the query of an upload URL says. */
export type PresentedUrl = {
  readonly uploadId: string;
  /** Epoch seconds. */
  readonly expires: number;
  readonly signature: string;
};

export type UploadUrlVerdict = 'good' | 'expired' | 'forged';

export type UploadUrls = {
  readonly issueTicket: IssueTicket;
  readonly verify: (url: PresentedUrl, now: Date) => Promise<UploadUrlVerdict>;
};

const signedText = (uploadId: string, expires: number): string => `${uploadId}.${expires}`;

/**
 * Upload URLs on the Worker itself, under a key of their own. The URL names the upload and its end; what the bytes
 * have to be stands in the upload's row, which the PUT reads anyway.
 */
export const createUploadUrls = (keys: MacKeys): UploadUrls => ({
  issueTicket: async ({ uploadId, origin, contentType, sha256, expiresAt }) => {
    const expires = Math.floor(expiresAt.getTime() / 1000);
    const url = new URL(`/uploads/${uploadId}/content`, origin);
    url.searchParams.set('expires', String(expires));
    url.searchParams.set('signature', await keys.sign(signedText(uploadId, expires)));
    return {
      method: 'PUT',
      url: url.href,
      headers: { 'content-type': contentType, [checksumHeader]: checksumOf(sha256) },
    };
  },
  verify: async ({ uploadId, expires, signature }, now) => {
    if (!(await keys.verify(signedText(uploadId, expires), signature))) return 'forged';
    return expires * 1000 > now.getTime() ? 'good' : 'expired';
  },
});
