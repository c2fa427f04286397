import { lines } from '../../bench/lines.ts';
import type { LoadResult } from '../../bench/load-tool.ts';
import { plot } from '../../bench/plot.ts';
import { rowOf, tableHead, tableLine } from '../../bench/report.ts';

const run = (opsPerSecond: number, p99: number): LoadResult => ({
  operations: 1,
  seconds: 1,
  opsPerSecond,
  megabytesPerSecond: 0,
  latencyUs: { mean: 0, p50: 1, p90: 0, p99, p999: 0, max: 0 },
});

const row = rowOf({
  line: lines[0]!,
  runs: {
    scale: [run(300, 9), run(100, 20), run(200, 10)],
    tgt: [run(100, 40), run(100, 40), run(100, 40)],
    null: [run(400, 5), run(400, 5), run(400, 5)],
  },
  steadyRuns: 2,
  loopDelayP999Ms: 1.25,
});

describe('the report of a comparison', () => {
  test('gives medians, and their share of what tgt and the null target reach', () => {
    expect(row.figures.scale).toEqual({ throughput: 200, p50Us: 1, p99Us: 10 });
    expect([row.toTgt, row.toNull]).toEqual([2, 0.5]);
  });

  test('marks a line that was not written until it was steady', () => {
    expect(tableLine(row)).toContain('in cache *');
    expect(tableLine({ ...row, steadyRuns: 3 })).not.toContain('*');
  });

  test('marks a line under which the event loop was late', () => {
    expect(tableLine(row)).not.toContain('!');
    expect(tableLine({ ...row, loopDelayP999Ms: 10.1 })).toContain('! 10.1');
  });

  test('is a table', () => {
    expect(tableLine(row)).toHaveLength(tableHead().length);
  });

  test('draws two bars a contender and line, as long as what they stand for', () => {
    const svg = plot([row, { ...row, name: 'a < b & c' }], 'title');
    const width = (color: string): number[] =>
      [...svg.matchAll(/width="([\d.]+)" height="8" fill="([^"]+)"/g)]
        .filter((found) => found[2] === color)
        .map((found) => Number(found[1]));
    const [scale, tgt] = [width('#1f6feb'), width('#8b949e')];
    expect([scale.length, tgt.length]).toEqual([4, 4]);
    expect(scale[0]! / tgt[0]!).toBeCloseTo(2, 1);
    expect(svg).toContain('a &lt; b &amp; c');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});
