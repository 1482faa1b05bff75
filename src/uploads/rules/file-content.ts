import type { ZipFlaw } from './zip-archive.ts';

/** Why a file is not what its type says; stable words that the owner is told. */
export type ContentFlaw = 'wrong_type' | 'polyglot' | 'not_text' | 'active_markup' | 'damaged' | ZipFlaw;

export const contentFlawDetail: Readonly<Record<ContentFlaw, string>> = {
  wrong_type: 'The content is not what the declared type says.',
  polyglot:
    'The content can be read as a file of another type too, or has something before, within or behind it.',
  not_text: 'The content is not text in UTF-8, or has control characters.',
  active_markup:
    'The content is a web page or an image in markup (HTML, SVG), which a browser would run, and not plain text.',
  damaged: 'The content begins as its type does, but is damaged or has no end.',
  archive_unsafe:
    'The archive is damaged or encrypted, contradicts itself, or has names that lead out of it.',
  archive_bomb:
    'The archive would unpack to far more than it is, or than it says, or to more than is looked into (200 MB, 5,000 entries).',
};

/** So much of a file's beginning is looked at. */
export const headBytes = 65_536;
