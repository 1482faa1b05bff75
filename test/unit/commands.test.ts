import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import project from '../../package.json' with { type: 'json' };
import { accountMarker, commandLines, pages, readPage } from '../support/node/documents.ts';

const scripts: Readonly<Record<string, string>> = project.scripts;

/**
 * The file that runs a command, and the text by which it does. A command is known by its first words; for `npm run` the
 * text is the program of package.json where none is given.
 */
const runners: Readonly<Record<string, readonly [file: string, text?: string]>> = {
  'npm install': ['.ci/run', 'npm install'],
  'npm test': ['.ci/run', 'npm test'],
  'npm run check': ['.github/workflows/ci.yml', 'npm run check'],
  'npm run lint': ['.ci/run', 'npm run lint'],
  'npm run types': ['.ci/run', 'npm run types'],
  'npm run format': ['.ci/run', 'npm run lint'],
  'npm run test:e2e': ['.ci/run', 'npm run test:e2e'],
  'npm run test:security': ['.ci/run', 'npm run test:security'],
  'npm run test:faults': ['.ci/run', 'npm run test:faults'],
  'npm run dev': ['test/support/node/stack.ts', 'scripts/dev.ts'],
  'npm run build': ['test/stack/deployment-rehearsal.test.ts', "'deploy', '--dry-run'"],
  'npm run build:budget': ['test/stack/bundle-budget.test.ts'],
  'npm run doctor': ['test/stack/doctor.test.ts'],
  'npm run smoke': ['test/stack/smoke.test.ts'],
  'npm run admin:create': ['test/stack/admin-create.test.ts'],
  'npm run sessions:end-all': ['test/stack/sessions-end-all.test.ts'],
  'npm run dead-letters': ['test/stack/dead-letters.test.ts'],
  'npm run introspection:client': ['test/unit/config-introspection.test.ts'],
  'npm run secrets:generate': ['test/stack/deployment-rehearsal.test.ts'],
  'npm run secrets:rotate': ['test/stack/secrets-rotate.test.ts'],
  'npm run deploy': ['test/stack/deploy.test.ts'],
  'npm run db:roles': ['test/stack/db-roles.test.ts'],
  'npm run db:generate': ['test/stack/fork.test.ts', "drizzleKit, 'generate'"],
  'npm run db:migrate': ['test/stack/drizzle-kit.test.ts', "drizzleKit('migrate'"],
  'npm run db:check': ['test/stack/fork.test.ts'],
  'npm run db:drift': ['test/stack/drift.test.ts'],
  'npm run db:backup': ['test/stack/recovery-programs.test.ts'],
  'npm run db:restore': ['test/stack/recovery-programs.test.ts'],
  'npm run fork:generate': ['test/stack/fork.test.ts', "'generate', ...forkConfig"],
  'npm run fork:migrate': ['test/stack/fork.test.ts', 'migrate(...forkConfig)'],
  'npm run docs:configuration': ['test/unit/config-example.test.ts', 'exampleVariables'],
  'npm run docs:openapi': ['test/stack/fork.test.ts'],
  // The program of a drill runs a test, which is part of the suite too.
  'npm run drill:restore': ['test/stack/recovery-programs.test.ts', "'scripts/drills/drill.ts', 'restore'"],
  'npm run drill:rotation': ['test/stack/drills.test.ts', "drill('rotation')"],
  'npm run drill:auth-incident': ['test/stack/drills.test.ts', "'auth-incident'"],
  'npm run drill:scaling': ['test/stack/drills.test.ts', "'scaling'"],
  'npx wrangler dev': ['scripts/stack/serve-worker.ts', 'wrangler'],
  'npx drizzle-kit migrate': ['test/stack/drizzle-kit.test.ts', "drizzleKit('migrate'"],
  'git clone': ['test/stack/fork.test.ts', "'clone'"],
  'git remote': ['test/stack/fork.test.ts', "'remote', 'add', 'itsor'"],
  'git fetch': ['test/stack/fork.test.ts', "'fetch'"],
  'git switch': ['test/stack/fork.test.ts', "'switch'"],
  'git merge': ['test/stack/fork.test.ts', "'merge'"],
  curl: ['test/stack/console-sessions.test.ts', 'requestsOf'],
  pg_dump: ['test/stack/recovery-programs.test.ts', 'pg_dump'],
  pg_restore: ['test/stack/recovery-programs.test.ts', 'pg_restore'],
};

/** What every shell has, and filters of the output of a command before them. */
const plumbing = /^(?:cd|cp|export|set|printf|grep|jq|rm|\.)(?:\s|$)/;

/** The commands of a line: those of a pipe, a sequence or a substitution are commands of their own. */
const partsOf = (line: string): string[] =>
  line
    .replaceAll(/'[^']*'|"[^"$]*"/g, "''")
    .replaceAll(/\s#.*$/g, '')
    .split(/&&|\||;|\$\(|\)/)
    .map((part) => part.trim().replace(/^(?:[A-Za-z_]\w*=\S*(?:\s+|$))*/, ''))
    .map((part) => part.replace(/^npm run -s /, 'npm run '))
    .filter((part) => part !== '' && !/^["-]/.test(part) && !plumbing.test(part));

const isNamed = (command: string, name: string): boolean =>
  command === name || command.startsWith(`${name} `);

/** Why nothing shows that a command works; null where a test runs it. */
const doubtOf = (command: string): string | null => {
  const name = Object.keys(runners).find((each) => isNamed(command, each));
  if (name === undefined) return `${command}: no test runs it, and no line ${accountMarker} stands above it`;
  const [file, given] = runners[name] ?? [''];
  const text = given ?? (scripts[name.replace('npm run ', '')] ?? '').replace(/^node /, '');
  return text !== '' && readFileSync(file, 'utf8').includes(text)
    ? null
    : `${command}: ${file} lacks ${text}`;
};

const doubtsOf = (lines: ReturnType<typeof readPage>): string[] =>
  lines
    .filter(({ needsAccount }) => !needsAccount)
    .flatMap(({ command }) => partsOf(command))
    .flatMap((command) => doubtOf(command) ?? []);

describe('every command of the documents is run by a test, or needs an account and says so', () => {
  it.each(pages)('%s', (page) => expect(doubtsOf(readPage(page))).toEqual([]));

  it('finds the commands of blocks, sessions, pipes and continued lines', () => {
    const page = [
      '```sh',
      'A=1 \\',
      'npx one --x && npm run two | three # four',
      '# needs an account',
      'npx five',
      '```',
      '```console',
      '$ TOKEN=$(six "$URL" | jq -r .a)',
      'seven',
      '```',
      '```',
      'src/eight.ts',
      '```',
    ].join('\n');
    expect(commandLines(page).map(({ needsAccount }) => needsAccount)).toEqual([false, true, false]);
    expect(doubtsOf(commandLines(page)).map((doubt) => doubt.split(':')[0])).toEqual([
      'npx one --x',
      'npm run two',
      'three',
      'six "$URL"',
    ]);
  });

  it('is written with scripts that package.json has', () => {
    const named = pages.flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/npm run (?:-s )?([a-z][a-z0-9:-]*[a-z0-9])/g)].map(
        ([, name = '']) => name,
      ),
    );
    expect(named.length).toBeGreaterThan(50);
    expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
  });
});
