import { expect } from 'vitest';
import type { ErrorCode } from '../../../src/platform/errors.ts';

/** A failure of this code, as problem+json and without a cookie. @returns its text */
export const expectProblem = async (response: Response, status: number, code: ErrorCode): Promise<string> => {
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ status, code });
  expect(response.status).toBe(status);
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  expect(response.headers.getSetCookie()).toEqual([]);
  return text;
};
