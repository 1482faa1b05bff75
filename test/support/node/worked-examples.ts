import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A step of the worked examples: a file or a change of one, or a command. */
export type Step =
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  | { readonly kind: 'change'; readonly path: string; readonly before: string; readonly after: string }
  | { readonly kind: 'command'; readonly command: string };

const sideOf = (hunk: string, marks: string): string =>
  hunk
    .split('\n')
    .filter((line) => marks.includes(line[0] ?? ' '))
    .map((line) => line.slice(1))
    .join('\n');

const stepsOf = (language: string, lead: string, code: string): Step[] => {
  if (language === 'sh') return code.split('\n').map((command) => ({ kind: 'command', command }));
  // The line before a block of code begins with the path of the file.
  const [, path] = /^`([^`]+)`.*:$/.exec(lead) ?? [];
  if (path === undefined) throw new Error(`no path in the line before a block of code: ${lead}`);
  if (language !== 'diff') return [{ kind: 'file', path, text: `${code}\n` }];
  return code
    .split('\n@@\n')
    .map((hunk) => ({ kind: 'change', path, before: sideOf(hunk, ' -'), after: sideOf(hunk, ' +') }));
};

/** The steps of a page, from the heading "Worked examples" to its end. */
export const readSteps = (page: string): Step[] => {
  const [, section] = page.split('\n## Worked examples\n');
  if (section === undefined) throw new Error('the page has no worked examples');
  const blocks = [...section.matchAll(/^([^\n]+)\n\n```([a-z]+)\n(.*?)\n```$/gms)];
  if (blocks.length !== section.match(/^```[a-z]+$/gm)?.length)
    throw new Error('a line and an empty line stand before each block of code');
  return blocks.flatMap(([, lead = '', language = '', code = '']) => stepsOf(language, lead, code));
};

/** Writes a file, or makes a change, in the folder of a project. */
export const applyStep = (project: string, step: Exclude<Step, { kind: 'command' }>): void => {
  const file = join(project, step.path);
  if (step.kind === 'file') {
    mkdirSync(dirname(file), { recursive: true });
    // A file that exists already is changed, never replaced.
    writeFileSync(file, step.text, { flag: 'wx' });
    return;
  }
  const parts = `\n${readFileSync(file, 'utf8')}`.split(`\n${step.before}\n`);
  if (parts.length !== 2)
    throw new Error(
      `${step.path} has these lines ${parts.length - 1} times instead of once:\n${step.before}`,
    );
  writeFileSync(file, parts.join(`\n${step.after}\n`).slice(1));
};
