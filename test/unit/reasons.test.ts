import { expect, it } from 'vitest';
import * as z from 'zod';
import { AppError, type FieldError } from '../../src/platform/errors.ts';
import { reasonsFor, withReasons } from '../../src/platform/http/reasons.ts';

const reason = (pointer: string): FieldError => ({ pointer, code: 'invalid', detail: 'not good' });
const refusal = new AppError('validation_failed', { errors: [reason('/a')] });
const ctx = {} as never;

it('adds reasons about members that the schema has not refused', async () => {
  const found = async () => [reason('/a'), reason('/b'), reason('/b')];
  const { errors } = await withReasons(refusal, found, ctx, {});
  expect(errors.map(({ pointer }) => pointer)).toEqual(['/a', '/b', '/b']);
});

it('looks for no reasons where something else than the schema refuses', async () => {
  const other = new AppError('payload_too_large');
  expect(await withReasons(other, async () => [reason('/b')], ctx, {})).toBe(other);
});

it('tells the reasons of the schema alone while the service is overloaded, and hides no other failure', async () => {
  const failing = (error: Error) => withReasons(refusal, () => Promise.reject(error), ctx, {});
  expect((await failing(new AppError('overloaded'))).errors).toEqual([reason('/a')]);
  await expect(failing(new AppError('forbidden'))).rejects.toMatchObject({ code: 'forbidden' });
});

it.each([null, undefined, 7, 'text', [], {}])('finds no good member in %j', async (given) => {
  const schema = z.strictObject({ a: z.string(), b: z.number().optional() });
  const seen: unknown[] = [];
  await reasonsFor(schema, async (_, good) => {
    seen.push(good);
    return [];
  })(ctx, given);
  expect(seen).toEqual([{}]);
});
