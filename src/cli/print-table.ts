import { print } from "./print.ts";

/** A row of a table: a text for each column. */
export type TableRow = readonly string[];

/** What fits a terminal that was never widened. */
const MAX_WIDTH = 80;
const GAP = "  ";
/** No column is cut shorter than this. */
const MIN_COLUMN = 12;

/**
 * Writes a table with aligned columns that fits 80 characters, as far as that can be.
 *
 * Columns of numbers are aligned to the right. Where it is too wide, the widest columns are cut.
 */
export async function printTable(header: TableRow, rows: readonly TableRow[]): Promise<void> {
  await print(formatTable(header, rows));
}

/** The text of a table. */
export function formatTable(header: TableRow, rows: readonly TableRow[]): string {
  const lines = [header, ...rows];
  const widths = fit(header.map((_, column) => widest(lines, column)));
  const isNumber = header.map((_, column) =>
    rows.every((row) => /^[\d.,-]*$/.test(row[column] ?? "")),
  );
  const toLine = (row: TableRow): string =>
    widths
      .map((width, column) => {
        const text = cut(row[column] ?? "", width);
        return isNumber[column] ? text.padStart(width) : text.padEnd(width);
      })
      .join(GAP)
      .trimEnd();
  return `${lines.map(toLine).join("\n")}\n`;
}

function widest(lines: readonly TableRow[], column: number): number {
  return Math.max(...lines.map((row) => row[column]?.length ?? 0));
}

/** Takes from the widest column until all fit. */
function fit(widths: readonly number[]): readonly number[] {
  const fitted = [...widths];
  const room = MAX_WIDTH - GAP.length * (widths.length - 1);
  for (let excess = sum(fitted) - room; excess > 0; excess--) {
    const max = Math.max(...fitted);
    if (max <= MIN_COLUMN) break;
    fitted[fitted.indexOf(max)] = max - 1;
  }
  return fitted;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
