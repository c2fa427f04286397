/** The event loop's delay between two looks at `/metrics`: buckets as a member's histogram has them. */
import type { Samples } from './member-metrics.ts';

/** By upper bound, that of the last is infinite: how many looks were late by no more, since the start. */
export type LoopDelays = ReadonlyMap<number, number>;

const BUCKET = /^scale_event_loop_delay_seconds_bucket\{le="([^"]+)"\}$/;

export function loopDelaysOf(samples: Samples): LoopDelays {
  const delays = new Map<number, number>();
  for (const [name, value] of samples) {
    const bound = BUCKET.exec(name)?.[1];
    if (bound !== undefined) delays.set(bound === '+Inf' ? Infinity : Number(bound) * 1000, value);
  }
  return delays;
}

/** What came between two looks. */
export function delaysBetween(before: LoopDelays, after: LoopDelays): LoopDelays {
  return new Map([...after].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]));
}

export function allDelays(parts: readonly LoopDelays[]): LoopDelays {
  const sum = new Map<number, number>();
  for (const part of parts) {
    for (const [bound, count] of part) sum.set(bound, (sum.get(bound) ?? 0) + count);
  }
  return sum;
}

/**
 * The delay in ms that a share of the looks did not exceed, as Prometheus reckons it: evenly spread
 * within a bucket. Of what is beyond the last bound, that bound. NaN: nobody looked.
 */
export function quantileMs(delays: LoopDelays, share: number): number {
  const bounds = [...delays].sort(([one], [other]) => one - other);
  const wanted = (bounds.at(-1)?.[1] ?? 0) * share;
  let [boundBelow, countBelow] = [0, 0];
  for (const [bound, count] of bounds) {
    if (count >= wanted && count > 0) {
      if (bound === Infinity) return boundBelow;
      const part = (wanted - countBelow) / (count - countBelow);
      return boundBelow + (bound - boundBelow) * part;
    }
    [boundBelow, countBelow] = [bound, count];
  }
  return NaN;
}
