import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What a command that begins so answers: its standard output, or why it fails. */
export type Answers = Readonly<Record<string, string | { readonly fails: string }>>;

export type StandInWrangler = {
  /** Finds it before any other. */
  readonly env: { readonly PATH: string };
  /** The commands that it was given, in their order. */
  readonly calls: () => Promise<string[]>;
  /** What came with each of them on standard input, where anything did. */
  readonly inputs: () => Promise<string[]>;
  readonly close: () => Promise<void>;
};

const linesOf = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);

/** A program by the name of wrangler that answers from a table and writes down what it was asked. */
export const createStandInWrangler = async (answers: Answers): Promise<StandInWrangler> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-wrangler-'));
  const log = join(directory, 'calls');
  const program = `#!${process.execPath}
const { appendFileSync, readFileSync } = require('node:fs');
const command = process.argv.slice(2).join(' ');
appendFileSync(${JSON.stringify(log)}, command + '\\n');
const input = readFileSync(0, 'utf8');
if (input) appendFileSync(${JSON.stringify(`${log}.in`)}, input + '\\n');
const answers = ${JSON.stringify(answers)};
const key = Object.keys(answers).find((key) => command.startsWith(key));
const answer = key === undefined ? { fails: 'no answer to ' + command } : answers[key];
if (typeof answer === 'string') {
  const [text, output] = answer.split('\\f');
  process.stdout.write(text);
  if (output && process.env.WRANGLER_OUTPUT_FILE_PATH) appendFileSync(process.env.WRANGLER_OUTPUT_FILE_PATH, output + '\\n');
} else {
  process.stderr.write('\\n✘ [ERROR] ' + answer.fails + '\\n\\n');
  process.exitCode = 1;
}
`;
  await writeFile(join(directory, 'wrangler'), program);
  // One of CommonJS, whatever package it lies in.
  await writeFile(join(directory, 'package.json'), '{}');
  await chmod(join(directory, 'wrangler'), 0o755);
  return {
    env: { PATH: `${directory}${delimiter}${process.env.PATH}` },
    calls: () => linesOf(log),
    inputs: () => linesOf(`${log}.in`),
    close: () => rm(directory, { recursive: true }),
  };
};
