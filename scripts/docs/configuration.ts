import { featureFlags } from '../../src/platform/config/feature-flags.ts';
import {
  type Variable,
  type VariableName,
  variableNames,
  variables,
} from '../../src/platform/config/variables.ts';

/** The variables that matter most in production, which the example begins with. */
export const foremost: readonly VariableName[] = [
  'DATABASE_URL',
  'JWT_SECRET',
  'SECRET_KEY',
  'APP_URL',
  'ALLOWED_ORIGINS',
];

const groups = [...new Set(variableNames.map((name) => variables[name].group))];

const namesIn = (group: string): readonly VariableName[] =>
  variableNames.filter((name) => variables[name].group === group);

/** A bar would end the cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string): string => (text === '' ? '' : `\`${text}\``);

const noteOf: Readonly<Record<Variable['readBy'], string>> = {
  worker: '',
  scripts: 'read by scripts only',
  workflows: 'read by GitHub workflows only',
  refused: 'refused',
  unused: 'unused',
};

const rowOf = (name: VariableName): string => {
  const { readBy, secret, aliases, description, default: byDefault }: Variable = variables[name];
  const notes = [secret ? 'secret' : '', noteOf[readBy]].filter(Boolean).join(', ');
  const alsoReadAs = aliases.map((alias) => code(alias.name) + (alias.unit ? ` (${alias.unit})` : ''));
  const whole = notes ? `${description} *(${notes})*` : description;
  return `| ${code(name)} | ${code(byDefault)} | ${alsoReadAs.join(', ')} | ${cell(whole)} |`;
};

const tableOf = (group: string): readonly string[] => [
  `## ${group}`,
  '',
  '| Variable | Default | Also read as | Description |',
  '|---|---|---|---|',
  ...namesIn(group).map(rowOf),
  '',
];

/** The text of docs/configuration.md. */
export const configurationReference = (): string =>
  [
    '# Configuration',
    '',
    '`npm run docs:configuration` writes this page and `.dev.vars.example` from `src/platform/config/variables.ts`; a test',
    'compares the three.',
    '',
    'An empty value counts as unset. If both a variable and one of its aliases are set, the variable wins. The service',
    'starts with a correct configuration or not at all: while a value is wrong, every route but `/healthz` answers 503',
    '`misconfigured`, with the names of the wrong variables and never a value.',
    '',
    'An environment is *strict* unless its name is `local`, `development`, `dev` or `test`. The *default* is the value of an',
    'unset variable; in strict environments some variables have no default, and their description says so.',
    '',
    'An environment that is not strict is for one machine: its secrets are public, so it answers 503 at every host but',
    '`localhost`, names below `.localhost`, 127.0.0.0/8 and `[::1]`. `wrangler.toml` names `production`, which also applies',
    'to a deployment without `--env`; `npm run dev`, the tests and `.dev.vars` name a local environment.',
    '',
    '**Phones and emulators** can also reach `npm run dev` at `http://localhost:3002`, if you forward the port: run',
    '`adb reverse tcp:3002 tcp:3002` for an Android emulator or an Android phone on a cable; the iOS simulator shares the',
    'localhost of the Mac. Requests to `http://10.0.2.2:3002` or to the address of your machine in its network get 503, even',
    'with `HOST=0.0.0.0`. A phone without a cable needs a strict environment, deployed or',
    '[behind a tunnel](behind-a-proxy.md). The origin of an app (`capacitor://localhost`) belongs in `ALLOWED_ORIGINS`;',
    'native apps send no origin.',
    '',
    ...groups.flatMap(tableOf),
    '## Last days of the feature flags',
    '',
    '| Flag | Owner | Last day | Description |',
    '|---|---|---|---|',
    ...Object.entries(featureFlags).map(
      ([name, { owner, expires, description }]) => `| \`${name}\` | ${owner} | ${expires} | ${description} |`,
    ),
    '',
  ].join('\n');

const exampleOf = (name: VariableName): readonly string[] => {
  const { aliases, description, default: byDefault }: Variable = variables[name];
  const names = aliases.map((alias) => (alias.unit ? `${alias.name} in ${alias.unit}` : alias.name));
  const alsoReadAs = names.length > 0 ? ` (also read as ${names.join(', ')})` : '';
  // wrangler reads .dev.vars over wrangler.toml, which names production.
  const off = name === 'BACKEND_ENV' ? '' : '# ';
  return ['', `# ${description}${alsoReadAs}`, `${off}${name}=${byDefault}`];
};

const sectionOf = (heading: string, names: readonly VariableName[]): readonly string[] => [
  '',
  `## ${heading}`,
  ...names.flatMap(exampleOf),
];

/** The text of .dev.vars.example. */
export const exampleVariables = (): string =>
  [
    '# The variables of Itsor. For local work, copy this file to .dev.vars and remove the # in front of a line to set it.',
    '# Only BACKEND_ENV is set, because wrangler.toml names production. Each other line shows the default, and an empty',
    '# value counts as unset.',
    '# An environment is strict unless its name is local, development, dev or test.',
    ...sectionOf('Most important in production', foremost),
    ...groups.flatMap((group) =>
      sectionOf(
        group,
        namesIn(group).filter((name) => !foremost.includes(name)),
      ),
    ),
    '',
  ].join('\n');
