import fc from 'fast-check';
import { naughtyStrings } from './naughty-strings.ts';

/** A choice of which some are made more often. */
export const weighted = <T>(...choices: readonly (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** Any text that JSON can carry, halves of surrogate pairs included, and some that have broken others. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('\0', '\ud800', '\udfff', '%', '"', '\\', '\n', '\u202e', '\ufeff', '\u{1f600}'),
  }),
  fc.constantFrom(...naughtyStrings),
  fc.constantFrom(1, 2, 255, 1025, 9000).map((length) => 'ß'.repeat(length)),
);

const deep = fc
  .tuple(fc.integer({ min: 1, max: 2000 }), fc.constantFrom<[string, string]>(['[', ']'], ['{"a":', '}']))
  .map(([depth, [open, close]]) => JSON.parse(`${open.repeat(depth)}0${close.repeat(depth)}`) as unknown);

/** Any value that JSON has, of any type. */
export const hostileValue: fc.Arbitrary<unknown> = weighted<unknown>(
  [4, hostileText],
  [1, fc.jsonValue({ maxDepth: 3 })],
  [1, fc.constantFrom(null, true, 0, -0, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324)],
  [1, fc.array(hostileText, { maxLength: 3 })],
  [1, deep],
);

/** Names that mean something to JavaScript, to this service, or to nobody. */
export const hostileName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'then',
    'length',
    '',
    'id',
    'role',
    'email_verified',
  ),
  hostileText,
);
