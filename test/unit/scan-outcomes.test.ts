import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createByteSearch } from '../../src/platform/rules/bytes.ts';
import {
  exactly,
  guarddutyResults,
  outcomeOfClamdReply,
  threatDetail,
  verdictOfGuardduty,
} from '../../src/platform/rules/scan.ts';
import { eicar } from '../../src/platform/scanners/builtin.ts';

describe('the EICAR test file', () => {
  const bytes = new TextEncoder().encode(`before ${eicar} behind`);

  it('the EICAR test file has the checksum that all scanners know', async () => {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(eicar));
    expect(Buffer.from(digest).toString('hex')).toBe(
      '275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f',
    );
  });

  it('the EICAR test file is found across all cuts', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 90 }), (cuts) => {
        const search = createByteSearch([eicar]);
        const borders = [0, ...cuts.toSorted((one, other) => one - other), bytes.length];
        const found = borders.slice(1).map((end, index) => search(bytes.subarray(borders[index], end)));
        expect(found.at(-1)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('the EICAR test file is found byte by byte, and similar text is not', () => {
    const scan = (text: string) => {
      const search = createByteSearch([eicar]);
      return [...new TextEncoder().encode(text)].reduce((_, byte) => search(Uint8Array.of(byte)), false);
    };
    expect(scan(`${'x'.repeat(300)}${eicar}`)).toBe(true);
    expect(scan(eicar.slice(0, -1))).toBe(false);
    expect(scan(eicar.replace('EICAR', 'eicar'))).toBe(false);
    expect(scan(`${eicar.slice(0, 40)}!${eicar.slice(40)}`)).toBe(false);
  });
});

describe('a reply of clamd', () => {
  const verdict = (of: object) => ({ kind: 'verdict', verdict: of });

  it.each<[string, object]>([
    ['stream: OK', verdict({ kind: 'clean' })],
    ['stream: Eicar-Test-Signature FOUND', verdict({ kind: 'infected', detail: 'Eicar-Test-Signature' })],
    [
      'stream: Win.Test.EICAR_HDB-1(44d88612:68) FOUND',
      verdict({ kind: 'infected', detail: 'Win.Test.EICAR_HDB-1(44d88612:68)' }),
    ],
    ['INSTREAM size limit exceeded. ERROR', verdict({ kind: 'failed', reason: 'scan_limits' })],
    ...['', '.MaxRecursion', '.MaxFiles'].map((limit): [string, object] => [
      `stream: Heuristics.Limits.Exceeded${limit} FOUND`,
      verdict({ kind: 'failed', reason: 'scan_limits' }),
    ]),
    ...['Zip', 'PDF'].map((kind): [string, object] => [
      `stream: Heuristics.Encrypted.${kind} FOUND`,
      verdict({ kind: 'failed', reason: 'encrypted' }),
    ]),
    [
      'stream: Heuristics.Phishing.Email FOUND',
      verdict({ kind: 'infected', detail: 'Heuristics.Phishing.Email' }),
    ],
    ['COMMAND READ TIMED OUT', { kind: 'retry', reason: 'clamd reply not understood' }],
    ["stream: Can't allocate memory ERROR", { kind: 'retry', reason: 'clamd error' }],
    ['', { kind: 'retry', reason: 'clamd reply not understood' }],
    ['stream: OK and more', { kind: 'retry', reason: 'clamd reply not understood' }],
    ['other: OK', { kind: 'retry', reason: 'clamd reply not understood' }],
    ['stream: OK\nstream: OK', { kind: 'retry', reason: 'clamd reply not understood' }],
  ])('the reply %j of clamd is %o', (reply, outcome) => expect(outcomeOfClamdReply(reply)).toEqual(outcome));
});

describe('a result of GuardDuty', () => {
  it.each([
    ['NO_THREATS_FOUND', [], { kind: 'clean' }],
    ['NO_THREATS_FOUND', ['EICAR-Test-File'], { kind: 'infected', detail: 'EICAR-Test-File' }],
    ['THREATS_FOUND', ['EICAR-Test-File'], { kind: 'infected', detail: 'EICAR-Test-File' }],
    ['THREATS_FOUND', [], { kind: 'infected', detail: '' }],
    ['UNSUPPORTED', [], { kind: 'failed', reason: 'scan_unsupported' }],
    ['ACCESS_DENIED', [], null],
    ['FAILED', [], null],
  ] as const)('%s with the threats %j is %o', (result, threats, verdict) => {
    expect(verdictOfGuardduty(result, threats)).toEqual(verdict);
  });

  it('one result of GuardDuty means clean', () => {
    expect(guarddutyResults.filter((result) => verdictOfGuardduty(result, [])?.kind === 'clean')).toEqual([
      'NO_THREATS_FOUND',
    ]);
  });
});

describe('names of threats', () => {
  it('names of threats are short, few and printable', () => {
    const detail = threatDetail(Array.from({ length: 50 }, () => `\u202e${'x'.repeat(500)}\n`));
    expect(detail).toMatch(/^[\x20-\x7e]*$/);
    expect(detail.length).toBeLessThan(1300);
  });
});

describe('content for a scanner', () => {
  const through = (text: string, size: number) =>
    new Response(new Blob([text]).stream().pipeThrough(exactly(size))).text();

  it('content for a scanner has all of its bytes, or ends in an error', async () => {
    expect(await through('hello', 5)).toBe('hello');
    await expect(through('hell', 5)).rejects.toThrow('4 bytes of 5');
    await expect(through('hello!', 5)).rejects.toThrow('6 bytes of 5');
  });
});
