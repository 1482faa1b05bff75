import { styleText } from 'node:util';
import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { type BenchStack, withStack } from '../bench/stack.ts';
import { readOptions } from '../stack/arguments.ts';
import { CliError, runProgram } from '../stack/cli-error.ts';

/** A drill that takes longer has failed. */
const limitMs = 180_000;

type Drill = {
  readonly usage: string;
  /** Of the service that is drilled. */
  readonly variables: Readonly<Record<string, string>>;
  /** What has been shown, in a sentence. */
  readonly proves: string;
};

export const withUsage = `With --with NAME=VALUE, also several times, the service has that variable; what is expected of it stays the same, so
  that a service which does not do what the runbook says fails.`;

/** Runs a drill at a service on a stack of its own. Whatever ends it before its end is a failure, Ctrl-C too. */
export const runDrill = (
  { usage, variables, proves }: Drill,
  perform: (url: string, stack: BenchStack) => Promise<void>,
): void =>
  runProgram(async () => {
    const { with: given } = readOptions({ with: { type: 'string', multiple: true, default: [] } }, usage);
    const others = given.map(readAssignment);
    let isDone = false;
    await withStack(
      async (stack) => {
        const { url } = await stack.startWorker({ ...variables, ...Object.fromEntries(others) });
        await perform(url, stack);
        isDone = true;
      },
      { limitMs },
    );
    if (!isDone) throw new CliError('✗ The drill was stopped before its end.');
    console.log(styleText('green', proves));
  });

const readAssignment = (text: string): [string, string] => {
  const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new CliError(`--with wants NAME=VALUE, and not ${text}`);
  // A service without it would do what is expected, and prove nothing.
  if (!isConfigVariable(name)) throw new CliError(`--with: ${name} is no variable of Itsor`);
  return [name, value];
};
