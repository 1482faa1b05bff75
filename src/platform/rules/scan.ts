/** What a scanner found out. `detail` is its own words for it: names of threats, never content. */
export type Verdict =
  | { readonly kind: 'clean' }
  | { readonly kind: 'infected'; readonly detail: string }
  /** It will never be able to tell. */
  | { readonly kind: 'failed'; readonly reason: ScanFailure };

export type ScanFailure =
  | 'scan_unsupported'
  | 'scan_denied'
  | 'scan_failed'
  | 'scan_limit'
  | 'scan_unanswered';

export type ScanOutcome =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** The verdict comes later, by another way. */
  | { readonly kind: 'awaited' }
  /** No verdict this time. `reason` is stable words, without addresses or content. */
  | { readonly kind: 'retry'; readonly reason: string }
  /** The scanner was not there to be asked, which says nothing about the file. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** The bytes that a verdict is about. */
export type ScanSubject = {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  /** How often a scan of them has begun, this one included. */
  readonly attempt: number;
  /** Exactly `size` bytes of that ETag, or an error. */
  readonly open: () => Promise<ReadableStream<Uint8Array>>;
};

export interface Scanner {
  readonly engine: 'builtin' | 'clamav' | 'guardduty';
  /** Ends in an error unless it answers at once; null where it cannot be asked, as it answers by a webhook. */
  readonly ping: ((signal: AbortSignal) => Promise<void>) | null;
  scan(subject: ScanSubject, signal: AbortSignal): Promise<ScanOutcome>;
}

/** Names of threats come from a scanner's database: short, printable, and no more of them than a row should hold. */
export const threatDetail = (names: readonly string[]): string =>
  names
    .slice(0, 10)
    .map((name) => name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 120))
    .join(', ');

/** Passes a content on, and ends in an error if it has not exactly `size` bytes: half a file is none that was scanned. */
export const exactly = (size: number): TransformStream<Uint8Array, Uint8Array> => {
  let passed = 0;
  return new TransformStream({
    transform: (piece, controller) => {
      passed += piece.byteLength;
      controller.enqueue(piece);
    },
    flush: (controller) => {
      if (passed !== size) controller.error(new Error(`${passed} bytes of ${size}`));
    },
  });
};
