import { runScript } from '../../../scripts/program/child.ts';

/** Runs a program of scripts/ to its end, as npm does. @returns everything that it prints */
export const runProgram = async (
  program: string,
  args: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): Promise<{ status: number | null; output: string }> => {
  const { status, stdout, stderr } = await runScript([program, ...args], variables);
  return { status, output: stdout + stderr };
};
