import { threatDetail, type Verdict } from './scan.ts';

/** What GuardDuty Malware Protection for S3 says of an object, as its user guide lists it. */
export const guarddutyResults = [
  'NO_THREATS_FOUND',
  'THREATS_FOUND',
  'UNSUPPORTED',
  'ACCESS_DENIED',
  'FAILED',
] as const;

export type GuarddutyResult = (typeof guarddutyResults)[number];

/**
 * A result as a verdict, or null for one that another scan may change: FAILED is an error inside GuardDuty, and
 * ACCESS_DENIED one of the account, which an operator can put right before the last attempt.
 */
export const verdictOf = (result: GuarddutyResult, threats: readonly string[]): Verdict | null => {
  switch (result) {
    case 'NO_THREATS_FOUND':
      // Should it name a threat beside that, the name counts.
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
