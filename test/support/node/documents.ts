import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The pages whose commands people type. */
export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].filter((page) => existsSync(page));

/** Stands above the commands of a block that only somebody with an account at Cloudflare or Neon can run. */
export const accountMarker = '# needs an account';

export type Line = {
  readonly command: string;
  /** What a session shows after the command; empty in a block that shows none. */
  readonly output: string;
  readonly needsAccount: boolean;
};

const shellBlock = /^ *```(sh|bash|shell|console|)\n([\s\S]*?)^ *```$/gm;

/** The lines of commands in the shell blocks of a text. A block of a session has its commands behind `$ `. */
export const commandLines = (markdown: string): Line[] =>
  [...markdown.matchAll(shellBlock)].flatMap(([, kind = '', block = '']) => {
    const isSession = kind === 'console' || /^ *\$ /m.test(block);
    // A block without a language is a tree of files, a text or a session.
    if (kind === '' && !isSession) return [];
    let needsAccount = false;
    const lines: Line[] = [];
    for (const line of block
      .replaceAll(/\\\n\s*/g, ' ')
      .split('\n')
      .map((text) => text.trim())) {
      if (line === accountMarker) needsAccount = true;
      else if (isSession ? line.startsWith('$ ') : line !== '' && !line.startsWith('#'))
        lines.push({ command: line.replace(/^\$ /, ''), output: '', needsAccount });
      else if (isSession && line !== '' && lines.length > 0) {
        const last = lines[lines.length - 1] as Line;
        lines[lines.length - 1] = { ...last, output: `${last.output}${line}\n` };
      }
    }
    return lines;
  });

export const readPage = (page: string): Line[] => commandLines(readFileSync(page, 'utf8'));
