import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Words that make a reader stop, and what to write. */
const stumbles: readonly (readonly [RegExp, string])[] = [
  [/\bwho(?:m)?ever\b/i, 'name the person: “a client that …”, “the account that …”'],
  [/(?<!\b(?:some|any|every|no ?))\bone's\b/i, '“your”, “its own”'],
  [/\boneself\b/i, '“yourself”, “itself”'],
  [/\bmend(?:s|ed|ing)?\b/i, '“fix”, “repair”'],
  [/\b(?:there|where)of\b/i, '“of it”, “of which”'],
  [/\baffairs\b/i, 'name the thing'],
  [/\b(?:by|for|from|of|to|with) who\b/i, 'name the person'],
];

const textFiles = /\.(?:tsx?|md|sql|grit|toml|yml|sh)$|^\.dev\.vars\.example$/;

const filesOf = (path: string): string[] =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((name) => !/^(?:node_modules|dist|\.wrangler)$/.test(name))
        .flatMap((name) => filesOf(join(path, name)))
    : textFiles.test(path.split('/').at(-1) ?? '')
      ? [path]
      : [];

const places = [
  'src',
  'scripts',
  'test',
  'docs',
  'packages',
  'examples',
  '.github',
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  '.dev.vars.example',
];
const own = 'test/unit/language.test.ts';

describe('prose is plain English', () => {
  it.each(stumbles)('no file has %s', (word, instead) => {
    const found = places
      .flatMap(filesOf)
      .filter((path) => path !== own)
      .flatMap((path) =>
        readFileSync(path, 'utf8')
          .split('\n')
          .flatMap((line, index) => (word.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
      );
    expect(found, `write ${instead}`).toEqual([]);
  });
});
