import { featureFlags } from '../../src/platform/config/feature-flags.ts';
import {
  type Variable,
  type VariableName,
  variableNames,
  variables,
} from '../../src/platform/config/variables.ts';

const readers: Readonly<Record<Variable['readBy'], string>> = {
  worker: 'the Worker',
  scripts: 'scripts',
  workflows: 'GitHub workflows',
  refused: 'refused',
  nobody: 'nobody',
};

/** A bar would end the cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string): string => (text === '' ? '' : `\`${text}\``);

const aliasesOf = ({ aliases }: Variable): string =>
  aliases.map(({ name, unit }) => (unit ? `${code(name)} (${unit})` : code(name))).join(', ');

const rowOf = (name: VariableName): string => {
  const variable: Variable = variables[name];
  const notes = [
    variable.secret && 'secret',
    variable.readBy !== 'worker' && `read by ${readers[variable.readBy]}`,
  ];
  const marks = notes.filter(Boolean).join(', ');
  const description = `${variable.description}${marks ? ` *(${marks})*` : ''}`;
  return `| ${code(name)} | ${code(variable.default)} | ${aliasesOf(variable)} | ${cell(description)} |`;
};

const groups = [...new Set(variableNames.map((name) => variables[name].group))];

const groupSection = (group: string): string =>
  [
    `## ${group}`,
    '',
    '| Variable | Default | Also read as | What it does |',
    '|---|---|---|---|',
    ...variableNames.filter((name) => variables[name].group === group).map(rowOf),
    '',
  ].join('\n');

const flagSection = [
  '## When the feature flags are to be gone',
  '',
  '| Flag | Owner | By | What it does |',
  '|---|---|---|---|',
  ...Object.entries(featureFlags).map(
    ([name, { owner, expires, description }]) => `| \`${name}\` | ${owner} | ${expires} | ${description} |`,
  ),
  '',
].join('\n');

/** The reference of every variable, from the table that the loader reads. */
export const configurationReference = (): string =>
  [
    '# Configuration',
    '',
    'Written by `npm run docs:configuration` from `src/platform/config/variables.ts`; a test holds the two together.',
    '',
    'An empty value counts as unset. Of a variable and its aliases the variable wins. A wrong value never starts half a',
    'service: every route but `/healthz` answers 503 `misconfigured`, with the names of what is wrong and never a value.',
    '*Strict* means that the environment is not one of `local`, `development`, `dev` and `test`.',
    '',
    ...groups.map(groupSection),
    flagSection,
  ].join('\n');
