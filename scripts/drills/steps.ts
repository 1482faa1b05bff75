import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ErrorCode } from '../../src/platform/errors.ts';
import { CliError } from '../stack/cli-error.ts';
import { printable } from '../stack/printable.ts';
import type { Answer } from './client.ts';

/** A status, with the code of the problem where one is meant. */
type Wanted = number | `${number} ${ErrorCode}`;

export const pass = (step: string): void => console.log(`✓ ${step}`);

export const fail = (step: string, reason: string): CliError =>
  new CliError(`✗ ${step}: ${printable(reason)}`);

/** An answer that is none of those that are wanted. */
export const unexpected = (
  step: string,
  { status, code, body }: Answer,
  wanted: readonly Wanted[],
): CliError => {
  const said = [code, body.detail].filter(Boolean).join(': ');
  return fail(step, `${status}${said ? ` (${said})` : ''}, and not ${wanted.join(' or ')}`);
};

/** @throws CliError where the answer is none of those that are wanted */
export const expectStatus = (step: string, answer: Answer, ...wanted: readonly Wanted[]): Answer => {
  const { status, code } = answer;
  if (!wanted.some((one) => one === status || one === `${status} ${code}`))
    throw unexpected(step, answer, wanted);
  pass(step);
  return answer;
};

/**
 * What is counted after the answer is there a moment later.
 *
 * @throws CliError with what is still different then
 */
export const expectSoon = async <const T extends object>(
  step: string,
  wanted: T,
  read: () => Promise<{ readonly [Name in keyof T]: unknown }>,
  mostMs = 10_000,
): Promise<void> => {
  const deadlineMs = performance.now() + mostMs;
  for (;;) {
    const found = await read();
    if (isDeepStrictEqual(found, wanted)) return pass(step);
    if (performance.now() > deadlineMs)
      throw fail(step, `${JSON.stringify(found)}, and not ${JSON.stringify(wanted)}`);
    await sleep(200);
  }
};
