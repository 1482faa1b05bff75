import { type Secret, weaknessOf } from './secret.ts';
import {
  configVariableNames,
  isConfigVariable,
  namesOf,
  type Settings,
  type Variable,
  type VariableName,
  variableNames,
  variables,
} from './variables.ts';

/** One problem or warning: a variable's name and a sentence about it, never its value. */
export type ConfigProblem = { readonly variable: string; readonly detail: string };

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

/** Each name under which a variable was set, in order of precedence. */
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

export type EnvironmentConfig = {
  /** In lower case. */
  readonly name: string;
  /** Not local: defaults, weak secrets and plain HTTP are refused. */
  readonly strict: boolean;
};

const lenientNames: readonly string[] = ['local', 'development', 'dev', 'test'];

/**
 * An environment is strict if any of BACKEND_ENV, ENVIRONMENT and NODE_ENV names a strict one, so that none of them
 * can undo another. Its name is the first strict one. A variable that cannot be read counts as strict.
 */
export const readEnvironment = (env: Record<string, unknown>): EnvironmentConfig => {
  const names = namesOf('BACKEND_ENV').flatMap((variable) => {
    const reading = readText(env[variable]);
    if (!reading) return [];
    return 'text' in reading ? [reading.text.toLowerCase()] : ['unreadable'];
  });
  const strictName = names.find((name) => !lenientNames.includes(name));
  return { name: strictName ?? names[0] ?? variables.BACKEND_ENV.default, strict: strictName !== undefined };
};

/** Whether two different names differ by one letter: added, missing, replaced or swapped with its neighbour. */
const isOneSlipAway = (from: string, to: string): boolean => {
  let start = 0;
  while (start < from.length && from[start] === to[start]) start++;
  let end = 0;
  const shorter = Math.min(from.length, to.length) - start;
  while (end < shorter && from.at(-1 - end) === to.at(-1 - end)) end++;
  const [left, right] = [from.slice(start, from.length - end), to.slice(start, to.length - end)];
  const isSwap = left.length === 2 && right === `${left[1]}${left[0]}`;
  return isSwap || (left.length <= 1 && right.length <= 1);
};

/** Names that were set, mean nothing to Itsor, and are one slip away from a name that does. */
export const findMisspellings = (env: Record<string, unknown>): readonly ConfigProblem[] =>
  Object.keys(env).flatMap((variable) => {
    if (typeof env[variable] !== 'string' || isConfigVariable(variable)) return [];
    const meant = configVariableNames.find((name) => name.length > 6 && isOneSlipAway(variable, name));
    return meant ? [{ variable, detail: `is not read; is ${meant} meant?` }] : [];
  });

/** The settings that a rule over several variables reads, and its ways to report. */
export type Scope = {
  readonly settings: Settings;
  /** Not a local environment: the defaults of local work are refused. */
  readonly strict: boolean;
  /** The texts as they were set, by canonical name; absent where nothing was set. */
  readonly given: ReadonlyMap<VariableName, Given>;
  /** Variables with a problem of their own, which stand at their defaults. */
  readonly wrong: ReadonlySet<VariableName>;
  /** Says that the service must not start; dropped where the variable has a problem of its own. */
  readonly problem: (variable: VariableName, detail: string) => void;
  readonly warning: (variable: string, detail: string) => void;
};

/** Reports each of the variables that is not set. */
export const requireEach = (
  { given, problem }: Scope,
  detail: string,
  names: readonly VariableName[],
): void => {
  for (const name of names) if (!given.has(name)) problem(name, detail);
};

/** Reports each weak entry of a list of former secrets: one that still verifies can also forge. */
export const refuseWeakEntries = (
  { strict, problem }: Scope,
  name: VariableName,
  entries: readonly Secret[],
  problemOf: (secret: Secret) => string | undefined = weaknessOf,
): void => {
  if (!strict) return;
  for (const [index, entry] of entries.entries()) {
    const detail = problemOf(entry);
    if (detail) problem(name, `entry ${index + 1} ${detail}`);
  }
};
