import fc from 'fast-check';
import { conforming } from './conforming.ts';
import { hostileName, hostileText, hostileValue, weighted } from './hostile.ts';
import type { Endpoint } from './openapi.ts';
import { standInFor } from './stand-ins.ts';

export type Body = { readonly type: string; readonly content: string | Uint8Array };

type Members = Record<string, unknown>;

const json = 'application/json';
const mediaTypes = [json, 'application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data', 'x', ''];
const anyMediaType = fc.constantFrom(...mediaTypes);

/** Some members are what an account that exists would send. */
const withStandIns = (members: Members, chosen: readonly boolean[]): Members =>
  Object.fromEntries(
    Object.entries(members).map(([name, value], index) => [
      name,
      (chosen[index] && standInFor(name)) || value,
    ]),
  );

/** One member replaced, removed or added. */
const mutated = (members: fc.Arbitrary<Members>): fc.Arbitrary<Members> =>
  fc
    .tuple(
      members,
      fc.nat(),
      fc.constantFrom('replace', 'replace', 'remove', 'add'),
      hostileName,
      hostileValue,
    )
    .map(([before, pick, how, name, value]) => {
      const names = Object.keys(before);
      const chosen = how === 'add' ? name : (names[pick % Math.max(names.length, 1)] ?? name);
      const others = Object.entries(before).filter(([own]) => own !== chosen);
      return Object.fromEntries(how === 'remove' ? others : [...others, [chosen, value]]);
    });

const write = (members: Members, mediaType: string): string => {
  if (mediaType === json) return JSON.stringify(members);
  const pairs = Object.entries(members).map(([name, value]) => [name, JSON.stringify(value) ?? '']);
  const texts = pairs.map(([name = '', value = '']) => [name, value.replace(/^"(.*)"$/, '$1')]);
  return new URLSearchParams(texts).toString().replaceAll('%24', '$');
};

/** Texts that no serializer makes. */
const broken = (text: fc.Arbitrary<string>): fc.Arbitrary<string | Uint8Array> =>
  fc.oneof(
    fc.tuple(text, fc.nat()).map(([whole, at]) => whole.slice(0, at % (whole.length + 1))),
    text.map((whole) => `\ufeff${whole}`),
    text.map((whole) => whole.replace('{', '{"email":1,"password":2,"refresh_token":3,')),
    text.map((whole) => `${whole}&${whole}`),
    fc.tuple(text, hostileText).map(([whole, more]) => whole + more),
    fc.constantFrom('[', '{"a":').map((open) => open.repeat(8_000)),
    fc.constant(`{"email":${'9'.repeat(400)}e999}`),
    fc.constantFrom(65_536, 65_537).map((length) => '{}'.padEnd(length, ' ')),
    fc.uint8Array({ maxLength: 200 }),
  );

/** Bodies for a route that takes one: good ones, those that are wrong in one member, and what is no body of it. */
export const bodyOf = ({ mediaType, schema }: Endpoint['bodies'][number]): fc.Arbitrary<Body> => {
  const values = conforming(schema) as fc.Arbitrary<Members>;
  const chosen = fc.array(fc.boolean(), { minLength: 8, maxLength: 8 });
  const members = fc.tuple(values, chosen).map(([own, which]) => withStandIns(own, which));
  const text = members.map((own) => write(own, mediaType));
  return fc.record({
    type: weighted([12, fc.constant(mediaType)], [1, anyMediaType]),
    content: weighted<string | Uint8Array>(
      [5, text],
      [6, mutated(members).map((own) => write(own, mediaType))],
      [1, hostileValue.map((value) => JSON.stringify(value))],
      [3, broken(text)],
    ),
  });
};

/** For a route that takes none. */
export const strayBody: fc.Arbitrary<Body | null> = weighted<Body | null>(
  [8, fc.constant(null)],
  [1, fc.record({ type: anyMediaType, content: hostileText })],
);
