import type { MacKeys } from '../crypto/derived-keys.ts';
import { checksumHeader, checksumOf, type IssueTicket } from '../rules/storage.ts';

/** What an upload URL says. */
export type PresentedUrl = {
  /** Path and query, as they came. */
  readonly target: string;
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

/** A URL has no other spelling, so that what is blocked or counted by it is blocked and counted. */
const targetOf = ({ uploadId, expires, signature }: Omit<PresentedUrl, 'target'>): string =>
  `/uploads/${uploadId}/content?expires=${expires}&signature=${signature}`;

const signedText = (uploadId: string, expires: number): string => `${uploadId}.${expires}`;

/**
 * Upload URLs on the Worker itself, under a key of their own. The URL names the upload and its end; what the bytes
 * have to be stands in the upload's row, which the PUT reads anyway.
 */
export const createUploadUrls = (keys: MacKeys): UploadUrls => ({
  issueTicket: async ({ uploadId, origin, contentType, sha256, expiresAt }) => {
    const expires = Math.floor(expiresAt.getTime() / 1000);
    const signature = await keys.sign(signedText(uploadId, expires));
    return {
      method: 'PUT',
      url: new URL(targetOf({ uploadId, expires, signature }), origin).href,
      headers: { 'content-type': contentType, [checksumHeader]: checksumOf(sha256) },
    };
  },
  verify: async ({ target, ...url }, now) => {
    const { uploadId, expires, signature } = url;
    if (target !== targetOf(url)) return 'forged';
    if (!(await keys.verify(signedText(uploadId, expires), signature))) return 'forged';
    return expires * 1000 > now.getTime() ? 'good' : 'expired';
  },
});
