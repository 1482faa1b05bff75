import { parseEnv } from 'node:util';
import { expiredFlags, featureFlags } from '../../src/platform/config/feature-flags.ts';
import { loadConfig } from '../../src/platform/config/load.ts';
import { type ConfigProblem, findMisspellings, resolveVariables } from '../../src/platform/config/resolve.ts';
import {
  isConfigVariable,
  namesOf,
  type Variable,
  type VariableName,
  variableNames,
  variables,
} from '../../src/platform/config/variables.ts';
import { devVarsText, readWranglerConfig, stackVariableNames, type Variables } from '../program/project.ts';
import { printable } from '../program/terminal.ts';
import { type Finding, failure, type VariableLine, warning } from './report.ts';

const maxShown = 60;

const shown = (text: string, { secret }: Variable): string => {
  if (secret) return `[redacted, ${Buffer.byteLength(text)} bytes]`;
  // Redact first: where a password is cut off, its end cannot be seen.
  // A query can hold a key under any name.
  const whole = printable(text.replace(/(:\/\/[^\s?]*)\?[\s\S]*/, '$1?[redacted]'));
  return whole.length > maxShown ? `${whole.slice(0, maxShown - 1)}…` : whole;
};

/** What a rotation leaves behind until it is retired. */
const leftBehind: Partial<Record<VariableName, string>> = {
  JWT_SECRET_PREVIOUS: 'a former secret can still sign tokens: secrets:rotate -- --retire',
  JWT_PRIVATE_KEY_PREVIOUS: 'a former key can still sign tokens: secrets:rotate -- --retire',
  SECRET_KEY_PREVIOUS: 'a former key is still accepted: secrets:rotate -- --retire',
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

/** Feature flags past their date. */
export const inspectFlags = (now: Date): Finding[] =>
  expiredFlags(now).map((name) => {
    const { owner, expires } = featureFlags[name];
    return warning(`flag ${name}`, `should have been gone by ${expires}; ask ${owner}`);
  });

/** All of them are meant for the Worker, a fork or wrangler itself; the Worker reads none that it does not know. */
const foreign = (place: string, names: readonly string[]): Finding[] =>
  names
    .filter((name) => !isConfigVariable(name) && !/^(?:CLOUDFLARE|WRANGLER|FORK)_/.test(name))
    .map((name) => warning(place, `${name} is no variable of Itsor`));

/** Names that the text of an env file sets twice: the last one counts. */
export const duplicateNames = (text: string): string[] => {
  const names = [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=/gm)].map(([, name = '']) => name);
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
};

/** Names that no part of Itsor reads, and names that are set twice. */
export const inspectNames = async (env: string | undefined): Promise<Finding[]> => {
  if (env !== undefined) {
    // The environment of a process has many names of other programs; only misspelled ones are looked for.
    const { vars } = await readWranglerConfig(env);
    const slips = findMisspellings(process.env).map(({ variable, detail }) => warning(variable, detail));
    return [...foreign('wrangler.toml', Object.keys(vars)), ...slips];
  }
  const text = devVarsText();
  const given = parseEnv(text);
  // The configuration already tells of misspelled ones, with the name that is meant.
  const misspelled = new Set(findMisspellings(given).map(({ variable }) => variable));
  return [
    ...foreign(
      '.dev.vars',
      Object.keys(given).filter(
        (name) => !misspelled.has(name) && !stackVariableNames.some((each) => each === name),
      ),
    ),
    ...duplicateNames(text).map((name) => warning('.dev.vars', `sets ${name} twice; the last one counts`)),
  ];
};
