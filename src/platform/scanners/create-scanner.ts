import type { ScannerConfig, StorageConfig } from '../config/uploads.ts';
import type { Scanner } from '../rules/scan.ts';
import { createBuiltinScanner } from './builtin.ts';
import { createClamavScanner } from './clamav.ts';
import { createGuarddutyScanner } from './guardduty.ts';

/** The scanner that the configuration names. */
export const createScanner = (scanner: ScannerConfig, storage: StorageConfig, clock: () => Date): Scanner => {
  switch (scanner.kind) {
    case 'guardduty':
      // The configuration refuses any other storage.
      if (storage.kind !== 's3') throw new Error('guardduty scans files on s3 only');
      return createGuarddutyScanner(storage, clock);
    case 'clamav':
      return createClamavScanner(scanner);
    case 'builtin':
      return createBuiltinScanner();
  }
};
