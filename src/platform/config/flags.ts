import { type FlagName, type Flags, flagNames } from './feature-flags.ts';
import { readText } from './resolve.ts';
import type { ConfigProblem } from './scope.ts';
import { boolean } from './values.ts';
import { flagPrefix } from './variables.ts';

type FlagReport = {
  /** Every flag; off unless set. */
  readonly flags: Flags;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
};

const flagOf = (variable: string): FlagName | undefined =>
  flagNames.find((name) => variable === `${flagPrefix}${name.toUpperCase()}`);

/** Reads `FLAG_*`. One that the code does not know has no effect, and is most likely misspelt or expired. */
export const readFlags = (env: Record<string, unknown>): FlagReport => {
  const flags = Object.fromEntries(flagNames.map((name) => [name, false])) as Record<FlagName, boolean>;
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];

  for (const variable of Object.keys(env).filter((name) => name.startsWith(flagPrefix))) {
    const flag = flagOf(variable);
    const reading = readText(env[variable]);
    if (reading && !flag) warnings.push({ variable, detail: 'is not a feature flag that Itsor knows' });
    if (!reading || 'detail' in reading) continue;

    const parsed = boolean.safeParse(reading.text);
    if (!parsed.success)
      problems.push({ variable, detail: 'must be 1 or 0, true or false, on or off, yes or no' });
    else if (flag) flags[flag] = parsed.data;
  }
  return { flags, problems, warnings };
};
