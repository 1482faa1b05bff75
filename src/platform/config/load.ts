import type { DatabaseConfig } from './database.ts';
import {
  type ConfigProblem,
  findMisspellings,
  type Resolved,
  readEnvironment,
  readText,
  resolveVariables,
  type Scope,
} from './resolve.ts';
import { type Config, composeConfig } from './schema.ts';
import { boolean } from './values.ts';
import {
  flagPrefix,
  type Settings,
  type Variable,
  type VariableName,
  variableNames,
  variables,
} from './variables.ts';

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly ConfigProblem[] }
  | {
      readonly ok: false;
      readonly problems: readonly ConfigProblem[];
      readonly warnings: readonly ConfigProblem[];
      readonly strict: boolean;
      /** Where the refusal can be recorded; null where the database's own variables are wrong. */
      readonly database: DatabaseConfig | null;
    };

/** Reads every variable on its own. One that is wrong is reported and stands at its default meanwhile. */
const parseSettings = (
  given: Resolved['given'],
  report: (variable: VariableName, detail: string) => void,
): Settings => {
  const entries = variableNames.flatMap((name) => {
    const { schema, aliases, default: byDefault }: Variable = variables[name];
    if (!schema) return [];
    const found = given.get(name);
    const alias = aliases.find((each) => each.name === found?.source);
    const parsed = found && (alias?.schema ?? schema).safeParse(found.text);
    if (parsed?.success) return [[name, parsed.data]];
    for (const issue of parsed?.error.issues ?? []) report(name, issue.message);
    return [[name, byDefault === '' ? undefined : schema.parse(byDefault)]];
  });
  return Object.fromEntries(entries) as Settings;
};

/** A `FLAG_*` that the code does not know has no effect, and is most likely misspelt or expired. */
const checkUnknownFlags = (
  env: Record<string, unknown>,
  problems: ConfigProblem[],
  warnings: ConfigProblem[],
): void => {
  for (const variable of Object.keys(env)) {
    const isUnknown = variable.startsWith(flagPrefix) && !Object.hasOwn(variables, variable);
    const reading = isUnknown ? readText(env[variable]) : undefined;
    if (!reading) continue;
    warnings.push({ variable, detail: 'is not a feature flag that Itsor knows' });
    const parsed = 'text' in reading ? boolean.safeParse(reading.text) : undefined;
    for (const { message } of parsed?.error?.issues ?? []) problems.push({ variable, detail: message });
  }
};

/** Reports the names that the Worker refuses, and warns of those that it does not use. */
const checkFormerNames = ({ given, problem, warning }: Scope): void => {
  for (const name of given.keys()) {
    const { readBy, description } = variables[name];
    const detail = `is ${description.charAt(0).toLowerCase()}${description.slice(1)}`;
    if (readBy === 'refused') problem(name, detail);
    if (readBy === 'unused') warning(name, detail);
  }
};

const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
};

/**
 * Turns the Worker's bindings into a Config, or reports every problem with them: names and sentences,
 * never a value. Pure; bindings that are no variables (Durable Objects, buckets, queues) are left alone.
 */
export const loadConfig = (env: Record<string, unknown>): LoadedConfig => {
  const { given, unreadable, ...resolved } = resolveVariables(env);
  const environment = readEnvironment(env);
  const problems = [...resolved.problems];
  const warnings = [...resolved.warnings, ...findMisspellings(env)];
  checkUnknownFlags(env, problems, warnings);

  // A rule over several variables sees the default of a wrong one; a complaint about that default is dropped.
  const wrong = new Set(unreadable);
  const groups = new Set<string>();
  const report = (variable: VariableName, detail: string) => {
    groups.add(variables[variable].group);
    const source = given.get(variable)?.source ?? variable;
    problems.push({
      variable: source,
      detail: source === variable ? detail : `${detail} (read as ${variable})`,
    });
  };
  const settings = parseSettings(given, (variable, detail) => {
    wrong.add(variable);
    report(variable, detail);
  });
  const scope: Scope = {
    settings,
    strict: environment.strict,
    given,
    wrong,
    problem: (variable, detail) => {
      if (!wrong.has(variable)) report(variable, detail);
    },
    warning: (variable, detail) => warnings.push({ variable, detail }),
  };
  checkFormerNames(scope);

  const config = composeConfig(scope, environment);
  if (problems.length === 0) return { ok: true, config: deepFreeze(config), warnings };
  const database = groups.has('Database') || unreadable.size > 0 ? null : config.database;
  return { ok: false, problems, warnings, strict: environment.strict, database };
};
