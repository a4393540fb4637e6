import { print } from "./print.ts";

/** A row of a table: a text for each column. */
export type TableRow = readonly string[];

/** How to write a table. */
export interface TableOptions {
  /** The names of columns that are never cut, since what is in them is to be copied. */
  readonly whole?: readonly string[] | undefined;
  /** How many characters a line may have, as far as that can be. @default as many as it needs */
  readonly width?: number | undefined;
}

const GAP = "  ";
/** No column is cut shorter than this. */
const MIN_COLUMN = 12;

/**
 * Writes a table with aligned columns that fits the terminal, as far as that can be. Elsewhere nothing is cut.
 *
 * Columns of numbers are aligned to the right. Where it is too wide, the widest columns are cut. A row is
 * one line: what would break it is a space.
 */
export async function printTable(
  header: TableRow,
  rows: readonly TableRow[],
  options: TableOptions = {},
): Promise<void> {
  await print(formatTable(header, rows, { width: process.stdout.columns, ...options }));
}

/** The text of a table. */
export function formatTable(
  header: TableRow,
  rows: readonly TableRow[],
  { whole = [], width = Infinity }: TableOptions = {},
): string {
  const lines = [header, ...rows.map((row) => row.map(toOneLine))];
  const widths = fit(
    header.map((_, column) => widest(lines, column)),
    width,
    (column) => whole.includes(header[column] ?? ""),
  );
  const isNumber = header.map((_, column) =>
    rows.every((row) => /^[\d.,-]*$/.test(row[column] ?? "")),
  );
  const toLine = (row: TableRow): string =>
    widths
      .map((own, column) => {
        const text = cut(row[column] ?? "", own);
        return isNumber[column] ? text.padStart(own) : text.padEnd(own);
      })
      .join(GAP)
      .trimEnd();
  return `${lines.map(toLine).join("\n")}\n`;
}

function widest(lines: readonly TableRow[], column: number): number {
  return Math.max(...lines.map((row) => row[column]?.length ?? 0));
}

/** Takes from the widest column that may be cut until all fit. */
function fit(
  widths: readonly number[],
  width: number,
  isWhole: (column: number) => boolean,
): readonly number[] {
  const fitted = [...widths];
  const room = width - GAP.length * (widths.length - 1);
  for (let excess = sum(fitted) - room; excess > 0; excess--) {
    const max = Math.max(0, ...fitted.filter((_, column) => !isWhole(column)));
    if (max <= MIN_COLUMN) break;
    fitted[fitted.findIndex((own, column) => own === max && !isWhole(column))] = max - 1;
  }
  return fitted;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function toOneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, " ");
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
