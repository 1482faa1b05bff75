import { printable } from '../program/terminal.ts';
import type { Sample } from './sample.ts';

export type Row = Pick<Sample, 'producer' | 'title' | 'filename' | 'wanted'> & {
  readonly bytes: number;
  /** What the service said; empty where nothing was sent. */
  readonly outcome: string;
  readonly reason: string;
  readonly result: 'passed' | 'failed' | 'skipped';
};

const titles = ['result', 'wanted', 'producer', 'sample', 'file', 'bytes', 'outcome', 'reason'];

const cells = ({ result, wanted, producer, title, filename, bytes, outcome, reason }: Row): string[] =>
  [result, wanted, producer, title, filename, bytes ? String(bytes) : '', outcome, reason].map(printable);

/** Prints one table and the sum. @returns whether nothing failed */
export const printTable = (rows: readonly Row[]): boolean => {
  const table = [titles, ...rows.map(cells)];
  const widths = titles.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  const count = (result: Row['result']): number => rows.filter((row) => row.result === result).length;
  const skipped = count('skipped');
  console.log(
    `\n${count('passed')} passed, ${count('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
  );
  return count('failed') === 0;
};
