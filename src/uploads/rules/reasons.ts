import type { ScanFailure } from '../../platform/rules/scan.ts';

/** What the inspection finds against a file. */
export type ContentFlaw =
  | 'wrong_type'
  | 'not_text'
  | 'damaged'
  | 'macros'
  | 'remote_content'
  | 'encrypted'
  | 'archive_unsafe'
  | 'archive_bomb';

/** Why a file is not handed out; stable words that its owner reads. */
export type Reason =
  | ContentFlaw
  | ScanFailure
  | 'infected'
  | 'wrong_bytes'
  | 'scan_unanswered'
  | 'bytes_gone';

const advice: Readonly<Record<Reason, string>> = {
  wrong_type: 'The content is not of the declared type; declare the type that the file has.',
  not_text: 'The file is not text: it has control characters; declare the type that it has.',
  damaged: 'The file is damaged or incomplete; save it again in its program and upload that copy.',
  macros: 'The document has macros; save it without macros and upload that copy.',
  remote_content:
    'The document loads a template or an object from another place when it is opened; save it without that and upload the copy.',
  encrypted: 'The file is protected by a password, so it cannot be checked; upload a copy without one.',
  archive_unsafe:
    'The archive is damaged, or has links, names that lead out of it or the same name twice; pack it again and upload that.',
  archive_bomb:
    'The archive has more than 5,000 entries or unpacks to more than 200 MB; split it into smaller ones.',
  infected: 'The scanner found malware in the file; do not open it, and check the device that it came from.',
  scan_unsupported: 'The scanner cannot read files of this kind; upload the content in another format.',
  scan_limits: 'The file is too large or too deeply packed for the scanner; upload it in smaller parts.',
  scan_unanswered: 'The scanner gave no answer in time; upload the file again later.',
  wrong_bytes: 'The bytes are not those that were declared; declare the file anew and upload it again.',
  bytes_gone: 'The storage has lost the file; upload it again.',
};

export const reasons = Object.keys(advice) as readonly Reason[];

/** One sentence that says what happened and what a person can do, also for a word that an older version stored. */
export const adviceOn = (reason: string | null): string | null => {
  if (reason === null) return null;
  const known = reasons.find((each) => each === reason);
  return known ? advice[known] : 'The file was refused; save it again in its program and upload that copy.';
};
