/** Answers for people: aligned tables and lists of facts; or one JSON document. */

export type Cell = string | number | boolean | null;

const shown = (cell: Cell): string => (cell === null || cell === '' ? '-' : String(cell));

/** Columns are as wide as their widest cell; numbers and sizes stand right. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [heads.map((head) => head.toUpperCase()), ...rows.map((row) => row.map(shown))];
  const widths = heads.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? '').length)));
  const isRight = heads.map(
    (_, at) =>
      rows.length > 0 && rows.every((row) => /^(≤ )?[\d.]+[KMGTP]?$/.test(shown(row[at] ?? null))),
  );
  return lines
    .map((line) =>
      line
        .map((cell, at) => {
          const width = widths[at] ?? 0;
          return isRight[at] === true ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

export function facts(pairs: readonly (readonly [name: string, value: Cell])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length)) + 1;
  return pairs.map(([name, value]) => `${`${name}:`.padEnd(width)} ${shown(value)}\n`).join('');
}

/** With `json` the document as it came; else what `text` makes of it. */
export function print<T>(json: boolean, document: T, text: (document: T) => string): void {
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : text(document));
}
