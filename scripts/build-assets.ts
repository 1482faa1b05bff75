import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dictionary } from '@zxcvbn-ts/language-common';
import { dictionaryFile, dictionarySha256, formatDictionary } from '../src/passwords/rules/dictionary.ts';
import { CliError, runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';

// The static assets of the Worker, for wrangler's `[build]` and for the tests.

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}dist/assets`;

/** Where each file comes from that is copied. */
const copies = {
  'openapi.json': 'docs/openapi.json',
  'swagger-ui.css': 'node_modules/swagger-ui-dist/swagger-ui.css',
  'swagger-ui-bundle.js': 'node_modules/swagger-ui-dist/swagger-ui-bundle.js',
} as const;

/** The words by which new passwords are judged (docs/adr/0043). @throws CliError for another list than the Worker's */
export const buildDictionary = (): string => {
  const text = formatDictionary({
    diceware: dictionary['diceware-common'],
    passwords: dictionary['passwords-common'],
  });
  const sha256 = createHash('sha256').update(text).digest('hex');
  if (sha256 === dictionarySha256) return text;
  throw new CliError(
    `The installed @zxcvbn-ts/language-common has other words. Read its changes and compare the scores of passwords, then set dictionarySha256 in src/passwords/rules/dictionary.ts to ${sha256}.`,
  );
};

export const buildAssets = (): void => {
  const words = buildDictionary();
  mkdirSync(folder, { recursive: true });
  const current = new Set<string>([...Object.keys(copies), dictionaryFile]);
  // What an earlier build has left would be uploaded too.
  for (const name of readdirSync(folder))
    if (!current.has(name)) rmSync(`${folder}/${name}`, { recursive: true });
  for (const [name, source] of Object.entries(copies)) copyFileSync(`${root}${source}`, `${folder}/${name}`);
  writeFileSync(`${folder}/${dictionaryFile}`, words);
};

const usage = `node scripts/build-assets.ts
  Writes the static assets of the Worker to dist/assets, as wrangler asks before it builds.`;

if (import.meta.main)
  runProgram(async () => {
    readOptions({}, usage);
    buildAssets();
  });
