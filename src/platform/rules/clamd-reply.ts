import { type ScanOutcome, threatDetail } from './scan.ts';

/**
 * What clamd says about a stream (clamd(8), INSTREAM). A file that is over the limit of its configuration is over it
 * at the next attempt too; any other error may be about the moment.
 */
export const outcomeOfClamdReply = (reply: string): ScanOutcome => {
  const [, threat] = /^stream: (.+) FOUND$/.exec(reply) ?? [];
  if (threat !== undefined)
    return { kind: 'verdict', verdict: { kind: 'infected', detail: threatDetail([threat]) } };
  if (reply === 'stream: OK') return { kind: 'verdict', verdict: { kind: 'clean' } };
  if (/^INSTREAM size limit exceeded\. ERROR$/.test(reply))
    return { kind: 'verdict', verdict: { kind: 'failed', reason: 'scan_limit' } };
  return { kind: 'retry', reason: reply.endsWith('ERROR') ? 'clamd error' : 'clamd reply not understood' };
};
