import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The answer to a command that begins so: its standard output, at once or later, or the reason of its failure. */
export type Answers = Readonly<
  Record<string, string | { readonly fails: string } | { readonly says: string; readonly afterMs: number }>
>;

export type StandInWrangler = {
  /** Finds it before any other. */
  readonly env: { readonly PATH: string };
  /** The commands that it was given, in their order. */
  readonly calls: () => Promise<string[]>;
  /** The standard input of each of them that had any. */
  readonly inputs: () => Promise<string[]>;
  /** Changes the answer of `deployments status`, as a `versions deploy` by another person does. */
  readonly deploy: (shares: Readonly<Record<string, number>>) => Promise<void>;
  readonly close: () => Promise<void>;
};

const linesOf = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);

/**
 * A program by the name of wrangler that answers from a table and records its commands. It remembers a deployment:
 * `deployments status` gives the answer of the table until then.
 */
export const createStandInWrangler = async (answers: Answers): Promise<StandInWrangler> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-wrangler-'));
  const log = join(directory, 'calls');
  const program = `#!${process.execPath}
const { appendFileSync, existsSync, readFileSync, writeFileSync } = require('node:fs');
const command = process.argv.slice(2).join(' ');
appendFileSync(${JSON.stringify(log)}, command + '\\n');
const input = readFileSync(0, 'utf8');
if (input) appendFileSync(${JSON.stringify(`${log}.in`)}, input + '\\n');
const answers = ${JSON.stringify(answers)};
const key = Object.keys(answers).find((key) => command.startsWith(key));
const answer = key === undefined ? { fails: 'no answer to ' + command } : answers[key];
const say = (answer) => {
  const deployed = ${JSON.stringify(`${log}.deployed`)};
  const shares = command.startsWith('versions deploy') && command.match(/\\S+@\\d+(?=%)/g);
  if (shares) writeFileSync(deployed, JSON.stringify({ versions: shares.map((share) => share.split('@')).map(([version_id, percentage]) => ({ version_id, percentage: Number(percentage) })) }));
  const isAsked = command.startsWith('deployments status') && existsSync(deployed);
  const [text, output] = isAsked ? [readFileSync(deployed, 'utf8')] : answer.split('\\f');
  process.stdout.write(text);
  if (output && process.env.WRANGLER_OUTPUT_FILE_PATH) appendFileSync(process.env.WRANGLER_OUTPUT_FILE_PATH, output + '\\n');
};
if (typeof answer === 'string') say(answer);
else if ('says' in answer) setTimeout(() => say(answer.says), answer.afterMs);
else {
  process.stderr.write('\\n✘ [ERROR] ' + answer.fails + '\\n\\n');
  process.exitCode = 1;
}
`;
  await writeFile(join(directory, 'wrangler'), program);
  // CommonJS, whatever the type of the package around it.
  await writeFile(join(directory, 'package.json'), '{}');
  await chmod(join(directory, 'wrangler'), 0o755);
  return {
    env: { PATH: `${directory}${delimiter}${process.env.PATH}` },
    calls: () => linesOf(log),
    inputs: () => linesOf(`${log}.in`),
    deploy: (shares) => {
      const versions = Object.entries(shares).map(([version_id, percentage]) => ({ version_id, percentage }));
      return writeFile(`${log}.deployed`, JSON.stringify({ versions }));
    },
    close: () => rm(directory, { recursive: true }),
  };
};
