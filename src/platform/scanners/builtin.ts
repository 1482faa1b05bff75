import { createEicarSearch } from '../rules/eicar.ts';
import type { Scanner, ScanOutcome } from '../rules/scan.ts';

/** For local work: knows the EICAR test file and nothing else. The configuration refuses it when strict. */
export const createBuiltinScanner = (): Scanner => ({
  engine: 'builtin',
  ping: async () => {},
  scan: async ({ open }): Promise<ScanOutcome> => {
    const search = createEicarSearch();
    let found = false;
    for await (const piece of await open()) found = search(piece);
    return {
      kind: 'verdict',
      verdict: found ? { kind: 'infected', detail: 'EICAR-Test-File' } : { kind: 'clean' },
    };
  },
});
