/**
 * How long things took, counted in buckets with fixed upper bounds: noting one is a few compares and
 * allocates nothing.
 */

/** Of commands: upper bounds, inclusive; what took longer is in one bucket more. */
export const latencyBoundsMs: readonly number[] = [
  0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 30_000,
];

export class LatencyHistogram {
  readonly boundsMs: readonly number[];
  /** By bucket, not cumulative. */
  readonly counts: Float64Array;
  sumMs = 0;

  /** The bounds go up. */
  constructor(boundsMs = latencyBoundsMs) {
    this.boundsMs = boundsMs;
    this.counts = new Float64Array(boundsMs.length + 1);
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  note(tookMs: number): void {
    const { boundsMs } = this;
    let bucket = 0;
    while (bucket < boundsMs.length && tookMs > (boundsMs[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sumMs += tookMs;
  }
}
