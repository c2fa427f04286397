/**
 * How long things took, counted in buckets with fixed upper bounds: noting one is a few compares and
 * allocates nothing.
 */

/** Upper bounds, inclusive; what took longer is in one bucket more. */
export const latencyBoundsMs: readonly number[] = [
  0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 30_000,
];

export class LatencyHistogram {
  /** By bucket, not cumulative. */
  readonly counts = new Float64Array(latencyBoundsMs.length + 1);
  sumMs = 0;

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  note(tookMs: number): void {
    let bucket = 0;
    while (bucket < latencyBoundsMs.length && tookMs > (latencyBoundsMs[bucket] as number)) {
      bucket += 1;
    }
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sumMs += tookMs;
  }
}
