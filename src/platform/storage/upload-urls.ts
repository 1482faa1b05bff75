import type { MacKeys } from '../crypto/derived-keys.ts';
import {
  checksumHeader,
  checksumOf,
  type IssueTicket,
  type PresentedUrl,
  type Receiving,
} from '../rules/storage.ts';

/** The only spelling of a URL, so that blocking or counting it by its text is reliable. */
const targetOf = ({ uploadId, expires, signature }: Omit<PresentedUrl, 'target'>): string =>
  `/uploads/${uploadId}/content?expires=${expires}&signature=${signature}`;

const signedText = (uploadId: string, expires: number): string => `${uploadId}.${expires}`;

/** Upload URLs on the Worker. A URL names the upload and its end; the row of the upload describes the bytes. */
export const createUploadUrls = (
  keys: MacKeys,
): { readonly issueTicket: IssueTicket; readonly verify: Receiving['verifyUrl'] } => ({
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
