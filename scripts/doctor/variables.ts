import { expiredFlags, featureFlags } from '../../src/platform/config/feature-flags.ts';
import { loadConfig } from '../../src/platform/config/load.ts';
import type { ConfigProblem } from '../../src/platform/config/resolve.ts';
import { resolveVariables } from '../../src/platform/config/resolve.ts';
import {
  namesOf,
  type Variable,
  type VariableName,
  variableNames,
  variables,
} from '../../src/platform/config/variables.ts';
import { printable } from '../stack/printable.ts';
import type { Variables } from '../stack/project.ts';
import { type Finding, failure, type Level, warning } from './finding.ts';

export type VariableLine = {
  readonly name: VariableName;
  readonly group: string;
  /** Where the value came from: its own name, an alias, or nowhere. */
  readonly source: string;
  /** Redacted where it is a secret, or holds one. */
  readonly value: string;
  readonly level: Level;
  readonly notes: readonly string[];
};

const maxShown = 60;

const shown = (text: string, { secret }: Variable): string => {
  if (secret) return `[redacted, ${Buffer.byteLength(text)} bytes]`;
  // First whole: of a password that is cut off nobody sees where it ends.
  const whole = printable(text);
  return whole.length > maxShown ? `${whole.slice(0, maxShown - 1)}…` : whole;
};

/** What a rotation leaves behind, until somebody takes it away. */
const leftBehind: Partial<Record<VariableName, string>> = {
  JWT_SECRET_PREVIOUS: 'whoever knows a former secret can still sign with it: secrets:rotate -- --retire',
  SECRET_KEY_PREVIOUS: 'whoever knows a former key can still use it: secrets:rotate -- --retire',
};

/** Every variable with its value, its source, and what is wrong with it. */
export const inspectVariables = (given: Variables): { lines: VariableLine[]; strays: Finding[] } => {
  const resolved = resolveVariables(given);
  const loaded = loadConfig(given);
  const problems = loaded.ok ? [] : loaded.problems;
  const about = (found: readonly ConfigProblem[], name: VariableName): string[] =>
    found.filter(({ variable }) => namesOf(name).includes(variable)).map(({ detail }) => detail);

  const lines = variableNames.map((name): VariableLine => {
    const variable: Variable = variables[name];
    const found = resolved.given.get(name);
    const reminder = found && leftBehind[name];
    const wrong = about(problems, name);
    const doubtful = [...about(loaded.warnings, name), ...(reminder ? [reminder] : [])];
    return {
      name,
      group: variable.group,
      source: found === undefined ? 'default' : found.source,
      value: shown(found?.text ?? variable.default, found ? variable : { ...variable, secret: false }),
      level: wrong.length > 0 ? 'failure' : doubtful.length > 0 ? 'warning' : 'ok',
      notes: [...wrong, ...doubtful],
    };
  });

  const known = new Set(variableNames.flatMap(namesOf));
  const isStray = ({ variable }: ConfigProblem) => !known.has(variable);
  return {
    lines,
    strays: [
      ...problems.filter(isStray).map(({ variable, detail }) => failure(variable, detail)),
      ...loaded.warnings.filter(isStray).map(({ variable, detail }) => warning(variable, detail)),
    ],
  };
};

/** Feature flags that should be gone. */
export const inspectFlags = (now: Date): Finding[] =>
  expiredFlags(now).map((name) => {
    const { owner, expires } = featureFlags[name];
    return warning(`flag ${name}`, `should have been gone by ${expires}; ask ${owner}`);
  });
