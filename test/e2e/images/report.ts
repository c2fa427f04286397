/** What the proofs print, and what they hold against the figures. */

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

export const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** Rows of cells, the first column to the left, the others to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  for (const row of all) {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    say(cells.join('  ').trimEnd());
  }
}

/** Collects what does not hold. */
export class Verdict {
  readonly #broken: string[] = [];

  title(text: string): void {
    say(`\n${text}`);
  }

  note(text: string): void {
    say(text);
  }

  expect(holds: boolean, what: string): void {
    if (holds) return;
    this.#broken.push(what);
    say(`WRONG ${what}`);
  }

  atMost(what: string, value: number, bound: number): void {
    this.expect(
      value <= bound,
      `${what}: ${value.toFixed(4)}, at most ${String(bound)} is allowed`,
    );
  }

  atLeast(what: string, value: number, bound: number): void {
    this.expect(value >= bound, `${what}: ${value.toFixed(4)}, at least ${String(bound)} is due`);
  }

  /** The last line; gives the exit code. */
  end(): number {
    say(this.#broken.length === 0 ? '\nPASS' : `\nFAIL: ${String(this.#broken.length)} wrong`);
    return this.#broken.length === 0 ? 0 : 1;
  }
}
