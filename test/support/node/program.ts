import { execFile } from 'node:child_process';
import { isConfigVariable } from '../../../src/config/variables.ts';

/** The environment of the test runner, without variables of Itsor. */
export const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !isConfigVariable(name) && name !== 'LOCAL_POSTGRES_URL'),
  );

/** Runs a program of scripts/ to its end, as npm does. */
export const runProgram = (
  program: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ status: number; output: string }> =>
  new Promise((resolve) => {
    const options = { env: { ...cleanEnvironment(), ...env } };
    const child = execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code) : 0, output: stdout + stderr }),
    );
    child.stdin?.end();
  });
