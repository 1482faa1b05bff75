import { styleText } from 'node:util';
import type { VariableName } from '../../src/platform/config/variables.ts';

export type Level = 'ok' | 'note' | 'warning' | 'failure' | 'skipped';

/** The result of one check, for a person. */
export type Finding = { readonly level: Level; readonly check: string; readonly detail: string };

export const ok = (check: string, detail: string): Finding => ({ level: 'ok', check, detail });
/** Nothing is wrong; it is a choice whose consequence a person may not know. */
export const note = (check: string, detail: string): Finding => ({ level: 'note', check, detail });
export const warning = (check: string, detail: string): Finding => ({ level: 'warning', check, detail });
export const failure = (check: string, detail: string): Finding => ({ level: 'failure', check, detail });
export const skipped = (check: string, detail: string): Finding => ({ level: 'skipped', check, detail });

export type VariableLine = {
  readonly name: VariableName;
  readonly group: string;
  /** Where the value came from: its own name, an alias, or nowhere. */
  readonly source: string;
  /** Redacted where it is a secret, or holds one. */
  readonly value: string;
  readonly level: Level;
  readonly notes: readonly string[];
};

/** `ok` if it holds, else `failure`, each with its own words. */
export const verdict = (check: string, holds: boolean, good: string, bad: string): Finding =>
  holds ? ok(check, good) : failure(check, bad);

export type Report = {
  readonly environment: string;
  readonly strict: boolean;
  /** Where its variables stand. */
  readonly sources: string;
  readonly variables: readonly VariableLine[];
  readonly findings: readonly Finding[];
};

type Style = Parameters<typeof styleText>[0];

const marks: Readonly<Record<Level, { mark: string; style: Style }>> = {
  ok: { mark: '✓', style: 'green' },
  note: { mark: 'i', style: 'blue' },
  warning: { mark: '!', style: 'yellow' },
  failure: { mark: '✗', style: 'red' },
  skipped: { mark: '·', style: 'dim' },
};

// styleText colours only where a terminal shows it: it looks at the stream and at NO_COLOR.
const markOf = (level: Level): string => styleText(marks[level].style, marks[level].mark);

const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));

const variableRows = (lines: readonly VariableLine[]): string[] => {
  const nameWidth = widest(lines.map(({ name }) => name));
  const valueWidth = Math.min(44, widest(lines.map(({ value }) => value)));
  return lines.flatMap(({ name, value, source, level, notes }) => {
    const from =
      source === 'default' ? styleText('dim', 'default') : source === name ? 'set' : `as ${source}`;
    const row = `  ${markOf(level)} ${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${from}`;
    return [row.trimEnd(), ...notes.map((note) => `      ${styleText(marks[level].style, note)}`)];
  });
};

export const findingRows = (findings: readonly Finding[]): string[] => {
  const width = widest(findings.map(({ check }) => check));
  return findings.map(({ level, check, detail }) => `  ${markOf(level)} ${check.padEnd(width)}  ${detail}`);
};

export const countOf = ({ variables, findings }: Report, level: Level): number =>
  [...variables, ...findings].filter((each) => each.level === level).length;

/** The report for a person; with `all` also the variables that stand at a sound default. */
export const renderReport = (report: Report, all: boolean): string => {
  const { environment, strict, sources, variables, findings } = report;
  const shown = variables.filter(({ source, level }) => all || source !== 'default' || level !== 'ok');
  const hidden = variables.length - shown.length;
  const [failures, warnings] = [countOf(report, 'failure'), countOf(report, 'warning')];
  const end =
    failures > 0 ? styleText('red', `${failures} to repair`) : styleText('green', 'Nothing to repair');
  const section = (title: string, rows: readonly string[]) => ['', styleText('bold', title), ...rows];
  return [
    `${styleText('bold', 'Itsor doctor')}  examined the environment ${environment}${strict ? ' (strict)' : ''}: ${sources}`,
    ...[...new Set(shown.map(({ group }) => group))].flatMap((group) =>
      section(group, variableRows(shown.filter((line) => line.group === group))),
    ),
    ...(all ? [] : ['', styleText('dim', `  ${hidden} more stand at their defaults; --all shows them`)]),
    ...section('Checks', findingRows(findings)),
    '',
    warnings > 0 ? `${end}, ${warnings} to look at` : end,
  ].join('\n');
};
