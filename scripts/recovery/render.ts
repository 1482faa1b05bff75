import type { TableContents } from './backup-file.ts';

/** A plain table, its numbers to the right. */
export const renderTable = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const isNumber = (text: string) => /^\d+$/.test(text);
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          isNumber(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n');
};

export const renderContents = (tables: readonly TableContents[]): string =>
  renderTable(
    ['table', 'rows', 'sha256'],
    tables.map(({ name, rows, sha256 }) => [name, String(rows), sha256.slice(0, 16)]),
  );
