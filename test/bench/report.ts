/** Medians of a comparison, as a table for people and as data. */
import { contenderNames, type ContenderName } from './contenders.ts';
import type { LineResult } from './measure.ts';

/** Medians over the runs of one contender. */
export interface Figures {
  /** In the unit of the line. */
  readonly throughput: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly reach: number;
  readonly aim: number;
  readonly figures: Readonly<Record<ContenderName, Figures>>;
  /** Of the throughput of tgt, and of the null target. */
  readonly toTgt: number;
  readonly toNull: number;
  readonly steadyRuns: number;
  readonly runs: number;
  readonly loopDelayP999Ms: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

export function rowOf({ line, runs, ...member }: LineResult): Row {
  const figuresOf = (name: ContenderName): Figures => ({
    throughput: median(
      runs[name].map((run) => (line.unit === 'ops/s' ? run.opsPerSecond : run.megabytesPerSecond)),
    ),
    p50Us: median(runs[name].map(({ latencyUs }) => latencyUs.p50)),
    p99Us: median(runs[name].map(({ latencyUs }) => latencyUs.p99)),
  });
  const figures = { scale: figuresOf('scale'), tgt: figuresOf('tgt'), null: figuresOf('null') };
  const { name, unit, reach, aim } = line;
  return {
    ...{ name, unit, reach, aim, figures },
    toTgt: figures.scale.throughput / figures.tgt.throughput,
    toNull: figures.scale.throughput / figures.null.throughput,
    runs: runs.scale.length,
    ...member,
  };
}

const NAME_WIDTH = 52;
const columns = [
  ...contenderNames,
  'unit',
  'to tgt',
  'owed',
  'to null',
  'p99 us',
  'tgt p99',
  'loop ms',
] as const;

const cells = (texts: readonly string[]): string => texts.map((text) => text.padStart(9)).join('');

export const tableHead = (): string => `${''.padEnd(NAME_WIDTH)}${cells(columns)}`;

/** What no more than one look in a thousand at the event loop may exceed. */
export const MOST_LOOP_DELAY_MS = 10;

/** Marked: an asterisk where it was not written for long enough, an exclamation mark where the event loop was late. */
export function tableLine(row: Row): string {
  const { figures, toTgt, toNull, reach, loopDelayP999Ms } = row;
  const name = row.steadyRuns < row.runs ? `${row.name} *` : row.name;
  return `${name.padEnd(NAME_WIDTH)}${cells([
    ...contenderNames.map((each) => figures[each].throughput.toFixed(0)),
    row.unit,
    toTgt.toFixed(2),
    reach.toFixed(2),
    toNull.toFixed(2),
    figures.scale.p99Us.toFixed(0),
    figures.tgt.p99Us.toFixed(0),
    `${loopDelayP999Ms > MOST_LOOP_DELAY_MS ? '! ' : ''}${loopDelayP999Ms.toFixed(1)}`,
  ])}`;
}
