import { readText } from './resolve.ts';
import type { ConfigProblem } from './scope.ts';
import { boolean } from './values.ts';
import { flagPrefix, variableNames } from './variables.ts';

type Flags = {
  /** Every known flag by its name in lower case, without the prefix; off unless set. */
  readonly flags: Readonly<Record<string, boolean>>;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
};

const knownFlags: readonly string[] = variableNames.filter((name) => name.startsWith(flagPrefix));

const keyOf = (variable: string): string => variable.slice(flagPrefix.length).toLowerCase();

/** Reads `FLAG_*`. One that the code does not know has no effect, and is most likely misspelt or expired. */
export const readFlags = (env: Record<string, unknown>): Flags => {
  const flags = Object.fromEntries(knownFlags.map((variable) => [keyOf(variable), false]));
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];

  for (const variable of Object.keys(env).filter((name) => name.startsWith(flagPrefix))) {
    const known = knownFlags.includes(variable);
    const reading = readText(env[variable]);
    if (reading && !known) warnings.push({ variable, detail: 'is not a feature flag that Itsor knows' });
    if (!reading || 'detail' in reading) continue;

    const parsed = boolean.safeParse(reading.text);
    if (!parsed.success)
      problems.push({ variable, detail: 'must be 1 or 0, true or false, on or off, yes or no' });
    else if (known) flags[keyOf(variable)] = parsed.data;
  }
  return { flags, problems, warnings };
};
