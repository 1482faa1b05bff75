import { parseEnv } from 'node:util';
import { findMisspellings } from '../../src/platform/config/resolve.ts';
import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { devVarsText } from '../stack/project.ts';
import { readWranglerConfig } from '../stack/wrangler-variables.ts';
import { type Finding, warning } from './finding.ts';

/** Those of wrangler itself, which reads the same file. */
const isOfWrangler = (name: string): boolean => /^(?:CLOUDFLARE|WRANGLER)_/.test(name);

/** All of them are meant for the Worker, which reads none that it does not know. */
const foreign = (place: string, names: readonly string[]): Finding[] =>
  names
    .filter((name) => !isConfigVariable(name) && !isOfWrangler(name))
    .map((name) => warning(place, `${name} is no variable of Itsor`));

const slips = (env: Record<string, unknown>): Finding[] =>
  findMisspellings(env).map(({ variable, detail }) => warning(variable, detail));

/** What is set twice in the text of an env file: the last one counts. */
export const duplicateNames = (text: string): string[] => {
  const names = [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=/gm)].map(([, name = '']) => name);
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
};

/** Names that nobody reads, and names that are read once too often. */
export const inspectNames = async (env: string | undefined): Promise<Finding[]> => {
  if (env !== undefined) {
    // The environment of a process has many names that are nobody's business here; only slips are looked for.
    const { vars } = await readWranglerConfig(env);
    return [...foreign('wrangler.toml', Object.keys(vars)), ...slips(process.env)];
  }
  const text = devVarsText();
  const given = parseEnv(text);
  // Those that are a slip are told by the configuration already, with the name that is meant.
  const misspelled = new Set(findMisspellings(given).map(({ variable }) => variable));
  return [
    ...foreign(
      '.dev.vars',
      Object.keys(given).filter((name) => !misspelled.has(name)),
    ),
    ...duplicateNames(text).map((name) => warning('.dev.vars', `sets ${name} twice; the last one counts`)),
  ];
};
