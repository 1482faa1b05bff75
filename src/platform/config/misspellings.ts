import type { ConfigProblem } from './scope.ts';
import { configVariableNames, isConfigVariable } from './variables.ts';

/** Edits between two words, a swap of neighbours counted once (optimal string alignment distance). */
const editDistance = (from: string, to: string): number => {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replace = (last[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const insertOrDelete = Math.min(last[column] ?? 0, current[column - 1] ?? 0) + 1;
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swap = swapped ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(replace, insertOrDelete, swap));
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
};

/** Names that were set, mean nothing, and are one slip away from a name that does. */
export const findMisspellings = (env: Record<string, unknown>): readonly ConfigProblem[] =>
  Object.keys(env).flatMap((variable) => {
    // Bindings to services are no variables; nobody misspells those without noticing.
    if (typeof env[variable] !== 'string' || isConfigVariable(variable) || variable.length > 64) return [];
    const meant = configVariableNames.find(
      (name) =>
        name.length > 6 && Math.abs(name.length - variable.length) <= 1 && editDistance(variable, name) === 1,
    );
    return meant ? [{ variable, detail: `is not read; is ${meant} meant?` }] : [];
  });
