import { createByteSearch } from '../rules/bytes.ts';
import type { Scanner, ScanOutcome } from '../rules/scan.ts';

/** The EICAR test file, in parts, so that scanners do not report this source. */
export const eicar: string = [
  'X5O!P%@AP[4\\PZX54(P^)7CC)7}',
  '$EICAR-STANDARD',
  '-ANTIVIRUS-TEST-FILE!',
  '$H+H*',
].join('');

/** For local work: knows the EICAR test file only. A strict environment refuses it. */
export const createBuiltinScanner = (): Scanner => ({
  engine: 'builtin',
  ping: async () => {},
  scan: async ({ open }): Promise<ScanOutcome> => {
    const search = createByteSearch([eicar]);
    let found = false;
    for await (const piece of await open()) found = search(piece);
    return {
      kind: 'verdict',
      verdict: found ? { kind: 'infected', detail: 'EICAR-Test-File' } : { kind: 'clean' },
    };
  },
});
