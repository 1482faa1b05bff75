import type { ConfigProblem } from './scope.ts';
import { type Variable, type VariableName, variableNames, variables } from './variables.ts';

export type Given = {
  readonly text: string;
  /** The name it was set under: the variable's own or an alias. */
  readonly source: string;
};

export type Resolved = {
  readonly given: ReadonlyMap<VariableName, Given>;
  /** Set, but not to text; each has its problem. */
  readonly unreadable: ReadonlySet<VariableName>;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
};

type Reading = { readonly text: string } | { readonly detail: string } | undefined;

/** Text without the white space around it; undefined where nothing was set. */
export const readText = (bound: unknown, multiline = false): Reading => {
  if (bound === undefined || bound === null) return undefined;
  // wrangler.toml makes numbers and booleans of `RATE_LIMIT_MAX = 100` and `SESSION_COOKIE_SECURE = true`.
  if (!['string', 'number', 'boolean'].includes(typeof bound)) return { detail: 'must be text' };
  const text = String(bound).trim();
  if (text === '') return undefined;
  if (!text.isWellFormed()) return { detail: 'must be well-formed Unicode' };
  if (/\p{Cc}/u.test(multiline ? text.replace(/[\r\n\t]/g, '') : text)) {
    return { detail: 'must not contain control characters or line breaks' };
  }
  return { text };
};

/** The name under which a variable and each of its aliases were set, in order of precedence. */
const readings = (env: Record<string, unknown>, name: VariableName) => {
  const { aliases, multiline }: Variable = variables[name];
  return [{ name, unitsPerCanonical: 1 }, ...aliases].flatMap((alias) => {
    const reading = readText(env[alias.name], multiline);
    return reading ? [{ source: alias.name, units: alias.unitsPerCanonical ?? 1, reading }] : [];
  });
};

const comparable = (text: string, units: number): string =>
  /^\d+$/.test(text) ? String(Number(text) / units) : text;

/** Finds each variable under its own name or an alias. The canonical name wins; a differing alias is a warning. */
export const resolveVariables = (env: Record<string, unknown>): Resolved => {
  const given = new Map<VariableName, Given>();
  const unreadable = new Set<VariableName>();
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];

  for (const name of variableNames) {
    const [winner, ...others] = readings(env, name);
    if (!winner) continue;
    if ('detail' in winner.reading) {
      unreadable.add(name);
      problems.push({ variable: winner.source, detail: winner.reading.detail });
      continue;
    }
    const { text } = winner.reading;
    given.set(name, { text, source: winner.source });

    for (const { source, units, reading } of others) {
      const same = 'text' in reading && comparable(reading.text, units) === comparable(text, winner.units);
      if (!same) warnings.push({ variable: source, detail: `differs from ${winner.source}, which is used` });
    }
  }
  return { given, unreadable, problems, warnings };
};
