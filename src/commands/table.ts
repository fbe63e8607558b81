/** How commands say amounts, times and tables. */

/** `1,024`: people count digits badly at night. */
export function number(amount: number): string {
  return amount.toLocaleString("en-US");
}

/** `1.2 MB`, in steps of a thousand. */
export function bytes(amount: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [left, unit] = [amount, 0];
  for (; left >= 999.5 && unit < units.length - 1; unit++) left /= 1000;
  return `${unit === 0 || left >= 99.5 ? Math.round(left) : left.toFixed(1)} ${units[unit]}`;
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

export function timeText(timeMs: number | undefined): string {
  if (timeMs === undefined || !(Math.abs(timeMs) <= 8.64e15)) return "-";
  return new Date(timeMs).toISOString();
}

/** What is an amount though it is a text: `1,024`, `1.2 MB`. */
const amountText = /^-?[\d,]+(\.\d+)?( [kMGT]?B)?$/;

/** Lines of cells under one another: numbers to the right, the rest to the left. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          typeof cell === "number" || amountText.test(cell)
            ? String(cell).padStart(widths[column]!)
            : cell.padEnd(widths[column]!),
        )
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}
