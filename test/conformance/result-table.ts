/** What became of each test in each set-up, held against the lists of what is expected. */
import type { SuiteReport } from '../peers/libiscsi-suite.ts';
import { EXPECTED_SKIPS, SUITE_DEFECTS, holdsAt, isNamedBy } from './expected.ts';
import type { ExpectedSkip, Suite, SuiteDefect, TestRun } from './expected.ts';
import type { BlockSize } from './set-ups.ts';

/** `part`: it ran and left out a part; `suite`: it failed by a defect of the suite. */
type Outcome = 'ok' | 'part' | 'skip' | 'suite' | 'FAIL';

const WAS_EXECUTED: readonly Outcome[] = ['ok', 'part', 'suite', 'FAIL'];

export interface Column {
  readonly setUp: string;
  readonly blockSize: BlockSize;
}

const columnName = ({ setUp, blockSize }: Column): string => `${setUp}/${blockSize}`;

export class ResultTable {
  readonly #suite: Suite;
  readonly #columns: Column[] = [];
  /** By test, without the family, then by column. */
  readonly #rows = new Map<string, Map<string, Outcome>>();
  /** Entries of the lists that came true. */
  readonly #met = new Set<ExpectedSkip | SuiteDefect>();
  readonly #errors: string[] = [];

  constructor(suite: Suite) {
    this.#suite = suite;
  }

  add(column: Column, { passed, skipped, failed }: SuiteReport): void {
    this.#columns.push(column);
    for (const test of passed) this.#set(test, column, this.#passed(test, column));
    for (const { test, why } of skipped) this.#set(test, column, this.#skipped(test, column, why));
    for (const { test, why } of failed) this.#set(test, column, this.#failed(test, column, why));
  }

  /** What is wrong so far, a line or more each. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  /** Of a whole run: each of its tests ran somewhere, and each entry that names any came true. */
  close(allTests: readonly string[]): void {
    const excused = EXPECTED_SKIPS.filter(({ setUps }) => setUps === undefined);
    for (const test of allTests) {
      const outcomes = [...(this.#rows.get(test)?.values() ?? [])];
      if (outcomes.some((outcome) => WAS_EXECUTED.includes(outcome))) continue;
      if (excused.some((entry) => isNamedBy(entry, test))) continue;
      this.#errors.push(`${test} was executed in no set-up`);
    }
    for (const entry of [...EXPECTED_SKIPS, ...SUITE_DEFECTS]) {
      const { suite = this.#suite } = entry;
      const isDue = suite === this.#suite && allTests.some((test) => isNamedBy(entry, test));
      if (!isDue || this.#met.has(entry)) continue;
      this.#errors.push(`an expectation that nothing met: ${entry.tests.source}`);
    }
  }

  count(outcome: Outcome): number {
    const all = [...this.#rows.values()].flatMap((row) => [...row.values()]);
    return all.filter((each) => each === outcome).length;
  }

  lines(): string[] {
    const names = this.#columns.map(columnName);
    const width = Math.max(...[...this.#rows.keys()].map((test) => test.length)) + 2;
    const line = (first: string, cells: readonly string[]): string =>
      first.padEnd(width) +
      cells.map((cell, at) => cell.padEnd((names[at] ?? '').length + 2)).join('');
    const rows = [...this.#rows].sort(([one], [other]) => (one < other ? -1 : 1));
    const body = rows.map(([test, row]) =>
      line(
        test,
        names.map((name) => row.get(name) ?? '·'),
      ),
    );
    return [line('', names), ...body].map((text) => text.trimEnd());
  }

  #run(test: string, column: Column): TestRun {
    return { test, suite: this.#suite, ...column };
  }

  #set(test: string, column: Column, outcome: Outcome): void {
    const row = this.#rows.get(test) ?? new Map<string, Outcome>();
    row.set(columnName(column), outcome);
    this.#rows.set(test, row);
  }

  #passed(test: string, column: Column): Outcome {
    const at = this.#run(test, column);
    for (const entry of [...EXPECTED_SKIPS, ...SUITE_DEFECTS].filter((each) => holdsAt(each, at))) {
      const what = 'why' in entry ? 'to be left out' : 'to fail by a defect of the suite';
      this.#errors.push(`${test} on ${columnName(column)} passed; expected.ts wants it ${what}`);
    }
    return 'ok';
  }

  #skipped(test: string, column: Column, why: string): Outcome {
    const entry = EXPECTED_SKIPS.find((each) => holdsAt(each, this.#run(test, column)));
    if (entry === undefined) {
      this.#errors.push(`${test} on ${columnName(column)} was left out: ${why}`);
      return 'skip';
    }
    this.#met.add(entry);
    return entry.isPartial === true ? 'part' : 'skip';
  }

  #failed(test: string, column: Column, why: string): Outcome {
    const entry = SUITE_DEFECTS.find((each) => holdsAt(each, this.#run(test, column)));
    if (entry === undefined) {
      this.#errors.push(`${test} on ${columnName(column)} FAILED: ${why}`);
      return 'FAIL';
    }
    this.#met.add(entry);
    return 'suite';
  }
}
