import type { ConfigProblem } from '../../src/platform/config/resolve.ts';

/** The name of a variable, or of the file that sets it, and a sentence about it. */
export type LocalWarning = ConfigProblem;

export const sentence = ({ variable, detail }: LocalWarning): string => `${variable} ${detail}`;

/** Whether a line of the Worker's log only repeats one of the warnings. */
export const repeats = (line: string, warnings: readonly LocalWarning[]): boolean =>
  /\bconfiguration\b/.test(line) &&
  warnings.some(({ variable, detail }) => line.includes(variable) && line.includes(detail));
