import { createByteSearch } from './byte-search.ts';

/** The EICAR test file, put together here so that no scanner takes this source for it. */
export const eicar: string = [
  'X5O!P%@AP[4\\PZX54(P^)7CC)7}',
  '$EICAR-STANDARD',
  '-ANTIVIRUS-TEST-FILE!',
  '$H+H*',
].join('');

/** Looks for it in a file that comes in pieces, wherever they are cut. @returns whether it has been seen so far */
export const createEicarSearch = (): ((piece: Uint8Array) => boolean) => createByteSearch([eicar]);
