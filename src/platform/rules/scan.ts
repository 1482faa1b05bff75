/** The result of a scan. `detail` is the scanner's own name of the threat, never content. */
export type Verdict =
  | { readonly kind: 'clean' }
  | { readonly kind: 'infected'; readonly detail: string }
  /** The scanner can never decide about this file. */
  | { readonly kind: 'failed'; readonly reason: ScanFailure };

export type ScanFailure = 'scan_unsupported' | 'scan_limits' | 'encrypted';

export type ScanOutcome =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** The verdict comes later, by a webhook. */
  | { readonly kind: 'awaited' }
  /** No verdict this time. `reason` is a stable phrase without addresses or content. */
  | { readonly kind: 'retry'; readonly reason: string }
  /** The scanner could not be reached, which says nothing about the file. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** The bytes that a verdict is about. */
type ScanSubject = {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  /** How many scans of these bytes have begun, including this one. */
  readonly attempt: number;
  /** Exactly `size` bytes of that ETag, or an error. */
  readonly open: () => Promise<ReadableStream<Uint8Array>>;
};

export interface Scanner {
  readonly engine: 'builtin' | 'clamav' | 'guardduty';
  /** Throws where the scanner does not answer; null for a scanner that answers by a webhook only. */
  readonly ping: ((signal: AbortSignal) => Promise<void>) | null;
  scan(subject: ScanSubject, signal: AbortSignal): Promise<ScanOutcome>;
}

/** Joins names of threats from a scanner's database: printable, 120 characters each, ten names at most. */
export const threatDetail = (names: readonly string[]): string =>
  names
    .slice(0, 10)
    .map((name) => name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 120))
    .join(', ');

/** Passes content on, and ends in an error unless it has exactly `size` bytes: a scan of half a file proves nothing. */
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

/**
 * The outcome of clamd's reply to INSTREAM (clamd(8)). What clamd cannot look into is neither clean nor infected: it
 * has no threat, and the next attempt would end the same. Any other error may be gone at the next attempt.
 */
export const outcomeOfClamdReply = (reply: string): ScanOutcome => {
  const [, threat] = /^stream: (.+) FOUND$/.exec(reply) ?? [];
  const [, heuristic = ''] = /^Heuristics\.(Limits\.Exceeded|Encrypted)\b/.exec(threat ?? '') ?? [];
  if (heuristic)
    return {
      kind: 'verdict',
      verdict: { kind: 'failed', reason: heuristic === 'Encrypted' ? 'encrypted' : 'scan_limits' },
    };
  if (threat !== undefined)
    return { kind: 'verdict', verdict: { kind: 'infected', detail: threatDetail([threat]) } };
  if (reply === 'stream: OK') return { kind: 'verdict', verdict: { kind: 'clean' } };
  if (/^INSTREAM size limit exceeded\. ERROR$/.test(reply))
    return { kind: 'verdict', verdict: { kind: 'failed', reason: 'scan_limits' } };
  return { kind: 'retry', reason: reply.endsWith('ERROR') ? 'clamd error' : 'clamd reply not understood' };
};

/** The results of GuardDuty Malware Protection for S3, from its user guide. */
export const guarddutyResults = [
  'NO_THREATS_FOUND',
  'THREATS_FOUND',
  'UNSUPPORTED',
  'ACCESS_DENIED',
  'FAILED',
] as const;

export type GuarddutyResult = (typeof guarddutyResults)[number];

/**
 * The verdict of a result, or null where another scan may change it: FAILED is an error inside GuardDuty, and
 * ACCESS_DENIED one of the AWS account, which an operator can correct before the last attempt.
 */
export const verdictOfGuardduty = (result: GuarddutyResult, threats: readonly string[]): Verdict | null => {
  switch (result) {
    case 'NO_THREATS_FOUND':
      // A result that names a threat all the same counts as infected.
      return threats.length === 0 ? { kind: 'clean' } : { kind: 'infected', detail: threatDetail(threats) };
    case 'THREATS_FOUND':
      return { kind: 'infected', detail: threatDetail(threats) };
    case 'UNSUPPORTED':
      return { kind: 'failed', reason: 'scan_unsupported' };
    case 'ACCESS_DENIED':
    case 'FAILED':
      return null;
  }
};
