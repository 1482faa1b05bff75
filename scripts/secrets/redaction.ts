/** A shorter line of a PEM gives nothing away, and would blot out words of a sentence. */
const shortestLine = 8;

const spellings = (value: string): string[] => {
  const lines = value.split('\n').filter((line) => line.length > shortestLine && !line.startsWith('-----'));
  return [value, value.trim(), ...value.split(','), ...lines].flatMap((part) => [
    part,
    JSON.stringify(part).slice(1, -1),
  ]);
};

/** wrangler may quote what it was given: whole, as JSON has it, or an entry or a line of it. */
export const withoutValues = (text: string, values: readonly string[]): string =>
  [...new Set(values.flatMap(spellings))]
    .filter((spelling) => spelling.trim() !== '')
    .toSorted((a, b) => b.length - a.length)
    .reduce((shown, spelling) => shown.replaceAll(spelling, '[redacted]'), text);
