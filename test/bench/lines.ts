/** What is measured: the lines of the comparison, each with what it is owed beside tgt. */

const MIB = 1 << 20;

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** What is read, what duplicates are of, and what is written over lie apart. */
export const readRanges = {
  cached: { offset: 0, length: 192 * MIB },
  beyondCache: { offset: 0, length: 320 * MIB },
} as const;
export const duplicatesRange: ByteRange = { offset: 192 * MIB, length: 192 * MIB };
const writeRange: ByteRange = { offset: 384 * MIB, length: 512 * MIB };
/** All duplicates are of these 16,384 contents of 4 KiB, most of which are stored before it begins. */
export const duplicates = [
  ...['--data', 'duplicate', '--duplicates', '16384', '--seed', '1'],
] as const;

export const rangeArgs = ({ offset, length }: ByteRange): string[] => [
  ...['--offset', String(offset), '--range', String(length)],
];

export interface Line {
  readonly name: string;
  readonly unit: 'ops/s' | 'MB/s';
  /** For the load generator, beside what every line has. */
  readonly args: readonly string[];
  readonly range: ByteRange;
  /** How much of tgt's throughput is owed, and how much is aimed for. */
  readonly reach: number;
  readonly aim: number;
  /** Small: the member whose chunk cache holds a quarter of what is read. */
  readonly member: 'default' | 'small';
  readonly luns: number;
  /** It goes on until the log has been written twice over. */
  readonly writes: boolean;
}

type Owed = readonly [reach: number, aim: number];

const line = (
  name: string,
  args: readonly string[],
  range: ByteRange,
  [reach, aim]: Owed,
): Line => ({
  name,
  args,
  range,
  reach,
  aim,
  unit: 'ops/s',
  member: 'default',
  luns: 1,
  writes: args.includes('write'),
});

const read = (size: string, depth: number): string[] => [
  ...['--op', 'read', '--block', size, '--depth', String(depth)],
];

const write = (size: string, depth: number, ...more: string[]): string[] => [
  ...['--op', 'write', '--block', size, '--depth', String(depth), ...more],
];

const half = ['--data', 'half'] as const;
const sequential = ['--pattern', 'sequential'] as const;

function sequentialWrites(size: string): Line[] {
  const kinds: readonly [string, readonly string[], Owed][] = [
    ['unique incompressible', [], [1.1, 1.4]],
    ['unique 2:1', half, [1.1, 1.4]],
    ['duplicates', duplicates, [1.4, 1.7]],
  ];
  return kinds.map(([kind, data, owed]) => ({
    ...line(
      `${size.replace(/(?=[KM])/, ' ')}iB sequential write, depth 16, ${kind}`,
      write(size, 16, ...sequential, ...data),
      writeRange,
      owed,
    ),
    unit: 'MB/s',
  }));
}

const mixed = ['--op', 'mixed', '--read-percent', '70', '--block', '4K', '--depth', '8'];

export const lines: readonly Line[] = [
  line('4 KiB random read, depth 32, in cache', read('4K', 32), readRanges.cached, [2.5, 2.9]),
  line('4 KiB random read, depth 1, in cache', read('4K', 1), readRanges.cached, [1.35, 1.6]),
  {
    ...line(
      '4 KiB random read, depth 32, 4x cache',
      read('4K', 32),
      readRanges.beyondCache,
      [1, 1.4],
    ),
    member: 'small',
  },
  {
    ...line(
      '256 KiB sequential read, depth 16, in cache',
      [...read('256K', 16), ...sequential],
      readRanges.cached,
      [1.4, 1.8],
    ),
    unit: 'MB/s',
  },
  {
    ...line(
      '256 KiB sequential read, depth 16, 4x cache',
      [...read('256K', 16), ...sequential],
      readRanges.beyondCache,
      [0.6, 1],
    ),
    unit: 'MB/s',
    member: 'small',
  },
  line(
    '4 KiB random write, depth 32, unique 2:1',
    write('4K', 32, ...half),
    writeRange,
    [1.3, 1.6],
  ),
  line(
    '4 KiB random write, depth 32, duplicates',
    write('4K', 32, ...duplicates),
    writeRange,
    [1.4, 1.8],
  ),
  line('4 KiB random write, depth 1, unique 2:1', write('4K', 1, ...half), writeRange, [0.95, 1.2]),
  line(
    '4 KiB random write, depth 32, flush every 32',
    write('4K', 32, ...half, '--flush-every', '32'),
    writeRange,
    [1.2, 1.5],
  ),
  ...sequentialWrites('64K'),
  ...sequentialWrites('1M'),
  {
    ...line(
      '4 KiB 70/30 mixed, 8 sessions on 4 LUNs',
      [...mixed, ...half, '--sessions', '8'],
      readRanges.cached,
      [1.5, 2],
    ),
    luns: 4,
    writes: true,
  },
];
