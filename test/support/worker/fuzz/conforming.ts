import fc from 'fast-check';
import type { Schema } from './openapi.ts';

/** Values that fit a schema, its bounds included. */
export const conforming = (schema: Schema): fc.Arbitrary<unknown> => {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives) return fc.oneof(...alternatives.map(conforming));
  switch (schema.type) {
    case 'object': {
      const members = Object.entries(schema.properties ?? {}).map(([name, member]) => [
        name,
        conforming(member),
      ]);
      return fc.record<Record<string, unknown>>(Object.fromEntries(members), {
        requiredKeys: [...(schema.required ?? [])],
      });
    }
    case 'array':
      return fc.array(conforming(schema.items ?? {}), { maxLength: 5 });
    case 'string':
      return conformingText(schema);
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -1000, max: schema.maximum ?? 1000 });
    case 'number':
      return fc.double({ min: schema.minimum ?? -1000, max: schema.maximum ?? 1000 });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue();
  }
};

const conformingText = ({
  format,
  pattern,
  minLength = 0,
  maxLength = 1024,
}: Schema): fc.Arbitrary<string> => {
  const fits = (text: string) => text.length >= minLength && text.length <= maxLength;
  if (format === 'uuid') return fc.uuid();
  if (pattern) return fc.stringMatching(new RegExp(pattern)).filter(fits);
  return fc.oneof(
    { weight: 4, arbitrary: fc.string({ unit: 'grapheme', minLength, maxLength: 40 }).filter(fits) },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(Math.max(minLength, 1)), 'x'.repeat(maxLength)) },
  );
};
