import { styleText } from 'node:util';
import type { Finding, Level } from './finding.ts';
import type { VariableLine } from './variables.ts';

export type Report = {
  readonly environment: string;
  readonly strict: boolean;
  readonly variables: readonly VariableLine[];
  readonly findings: readonly Finding[];
};

const marks: Readonly<Record<Level, { mark: string; style: Parameters<typeof styleText>[0] }>> = {
  ok: { mark: '✓', style: 'green' },
  warning: { mark: '!', style: 'yellow' },
  failure: { mark: '✗', style: 'red' },
  skipped: { mark: '·', style: 'dim' },
};

/** Colours only where a terminal shows them: styleText looks at the stream and at NO_COLOR. */
const paint = (style: Parameters<typeof styleText>[0], text: string): string => styleText(style, text);
const markOf = (level: Level): string => paint(marks[level].style, marks[level].mark);

const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));

const variableRows = (lines: readonly VariableLine[]): string[] => {
  const nameWidth = widest(lines.map(({ name }) => name));
  const valueWidth = Math.min(44, widest(lines.map(({ value }) => value)));
  return lines.flatMap(({ name, value, source, level, notes }) => {
    const from = source === 'default' ? paint('dim', 'default') : source === name ? 'set' : `as ${source}`;
    const row = `  ${markOf(level)} ${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${from}`;
    return [row.trimEnd(), ...notes.map((note) => `      ${paint(marks[level].style, note)}`)];
  });
};

export const findingRows = (findings: readonly Finding[]): string[] => {
  const width = widest(findings.map(({ check }) => check));
  return findings.map(({ level, check, detail }) => `  ${markOf(level)} ${check.padEnd(width)}  ${detail}`);
};

export const countOf = ({ variables, findings }: Report, level: Level): number =>
  [...variables, ...findings].filter((each) => each.level === level).length;

/** The report for a person; with `all` also the variables that nobody has set and that are fine. */
export const renderReport = (report: Report, all: boolean): string => {
  const interesting = report.variables.filter(
    ({ source, level }) => all || source !== 'default' || level !== 'ok',
  );
  const groups = [...new Set(interesting.map(({ group }) => group))];
  const [failures, warnings] = [countOf(report, 'failure'), countOf(report, 'warning')];
  const end = failures > 0 ? paint('red', `${failures} to mend`) : paint('green', 'Nothing to mend');
  return [
    `${paint('bold', 'Itsor doctor')}  ${report.environment}${report.strict ? ', strict' : ''}`,
    ...groups.flatMap((group) => [
      '',
      paint('bold', group),
      ...variableRows(interesting.filter((line) => line.group === group)),
    ]),
    ...(all
      ? []
      : [
          '',
          paint(
            'dim',
            `  ${report.variables.length - interesting.length} more stand at their defaults; --all shows them`,
          ),
        ]),
    '',
    paint('bold', 'Checks'),
    ...findingRows(report.findings),
    '',
    warnings > 0 ? `${end}, ${warnings} to look at` : end,
  ].join('\n');
};
