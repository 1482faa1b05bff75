import type { DatabaseConfig } from './database.ts';
import { readEnvironment } from './environment.ts';
import { readFlags } from './flags.ts';
import { findMisspellings } from './misspellings.ts';
import { type Resolved, resolveVariables } from './resolve.ts';
import { type Config, composeConfig } from './schema.ts';
import type { ConfigProblem, Scope } from './scope.ts';
import { aliasSchema, type Settings, settingsSchema } from './settings.ts';
import { type VariableName, variables, type WorkerVariableName } from './variables.ts';

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly ConfigProblem[] }
  | {
      readonly ok: false;
      readonly problems: readonly ConfigProblem[];
      readonly warnings: readonly ConfigProblem[];
      readonly strict: boolean;
      /** Where the refusal can be recorded; null where the database itself is what is wrong. */
      readonly database: DatabaseConfig | null;
    };

/** Reads every variable on its own. One that is wrong is reported and stands at its default meanwhile. */
const parseSettings = (
  given: Resolved['given'],
  report: (variable: VariableName, detail: string) => void,
): Settings => {
  const names = Object.keys(settingsSchema) as WorkerVariableName[];
  const entries = names.map((name) => {
    const found = given.get(name);
    const parsed = ((found && aliasSchema[found.source]) ?? settingsSchema[name]).safeParse(found?.text);
    if (parsed.success) return [name, parsed.data];
    for (const issue of parsed.error.issues) report(name, issue.message);
    return [name, settingsSchema[name].parse(undefined)];
  });
  return Object.fromEntries(entries) as Settings;
};

const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
};

/**
 * Turns the Worker's bindings into a Config, or says everything that is wrong with them: names and sentences,
 * never a value. Pure; bindings that are no variables (Durable Objects, buckets, queues) are left alone.
 */
export const loadConfig = (env: Record<string, unknown>): LoadedConfig => {
  const resolved = resolveVariables(env);
  const environment = readEnvironment(env);
  const { flags, ...flagReport } = readFlags(env);
  const problems = [...resolved.problems, ...flagReport.problems];
  const warnings = [...resolved.warnings, ...flagReport.warnings, ...findMisspellings(env)];

  // A rule over several variables sees a default in the place of one that is wrong; what it says of it is void.
  const wrong = new Set(resolved.unreadable);
  const groups = new Set<string>();
  const report = (variable: VariableName, detail: string) => {
    groups.add(variables[variable].group);
    const source = resolved.given.get(variable)?.source ?? variable;
    problems.push({
      variable: source,
      detail: source === variable ? detail : `${detail} (read as ${variable})`,
    });
  };
  const settings = parseSettings(resolved.given, (variable, detail) => {
    wrong.add(variable);
    report(variable, detail);
  });
  const scope: Scope = {
    strict: environment.strict,
    given: resolved.given,
    problem: (variable, detail) => {
      if (!wrong.has(variable)) report(variable, detail);
    },
    warning: (variable, detail) => warnings.push({ variable, detail }),
  };
  if (resolved.given.has('REDIS_URL')) {
    scope.warning('REDIS_URL', 'is not used: Durable Objects hold limits and locks');
  }

  const config = composeConfig({ settings, scope, environment, flags });
  if (problems.length === 0) return { ok: true, config: deepFreeze(config), warnings };
  const database = groups.has('Database') || resolved.unreadable.size > 0 ? null : config.database;
  return { ok: false, problems, warnings, strict: environment.strict, database };
};
