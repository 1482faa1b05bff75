import type { ConfigProblem } from './scope.ts';
import { configVariableNames, isConfigVariable } from './variables.ts';

/** One letter more, less or other, or two neighbours swapped: what is left between the equal ends says which. */
const isOneSlip = (from: string, to: string): boolean => {
  const shorter = Math.min(from.length, to.length);
  let start = 0;
  while (start < shorter && from[start] === to[start]) start++;
  let end = 0;
  while (end < shorter - start && from.at(-1 - end) === to.at(-1 - end)) end++;
  const [one, other] = [from.slice(start, from.length - end), to.slice(start, to.length - end)];
  const isSwap = one.length === 2 && one === [...other].reverse().join('');
  return isSwap || Math.max(one.length, other.length) === 1;
};

/** Names that are set, mean nothing, and are one slip away from a name that does. */
export const findMisspellings = (env: Record<string, unknown>): readonly ConfigProblem[] =>
  Object.keys(env).flatMap((variable) => {
    // Bindings to services are no variables, and a misspelled one is noticed at once.
    if (typeof env[variable] !== 'string' || isConfigVariable(variable) || variable.length > 64) return [];
    const meant = configVariableNames.find((name) => name.length > 6 && isOneSlip(variable, name));
    return meant ? [{ variable, detail: `is not read; is ${meant} meant?` }] : [];
  });
