/**
 * Which segments are worth cleaning: those that give much for what is copied, and of two alike the one
 * whose data is older, as what is young is likely to die by itself. Of the best, those of one age go
 * together, so that what changes often and what hardly changes end up apart.
 *
 * After the log-structured file system's (1 - u) · age / (1 + u) [Rosenblum and Ousterhout 1992], with
 * the cube root of the age: of skewed overwrites it copies half of what "the emptiest first" does, like
 * the original, but of even ones only a few per cent more, where the original copies half as much again.
 */
export interface Cleanable {
  readonly bytes: number;
  readonly liveBytes: number;
  /** Number of the segment that was new when its data was written. */
  readonly born: number;
}

/** The best are kept while all are looked at; a batch is of these. */
const BEST = 32;

const benefit = ({ bytes, liveBytes, born }: Cleanable, now: number): number => {
  const share = liveBytes / bytes;
  return ((1 - share) * Math.cbrt(Math.max(1, now - born))) / (1 + share);
};

/**
 * Of the segments at most `liveShare` alive, as many of the best as `roomBytes` hold, the very best
 * first; that one in any case. `now` is the number of the next segment.
 */
export function chooseBatch<T extends Cleanable>(
  segments: Iterable<T>,
  facts: { readonly liveShare: number; readonly now: number; readonly roomBytes: number },
): T[] {
  const best: { readonly segment: T; readonly benefit: number }[] = [];
  for (const segment of segments) {
    if (segment.liveBytes > segment.bytes * facts.liveShare) continue;
    const found = { segment, benefit: benefit(segment, facts.now) };
    if (best.length === BEST && found.benefit <= (best[BEST - 1]?.benefit ?? 0)) continue;
    if (best.length === BEST) best.pop();
    const at = best.findIndex((other) => other.benefit < found.benefit);
    best.splice(at < 0 ? best.length : at, 0, found);
  }
  const first = best[0]?.segment;
  if (first === undefined) return [];
  const apart = ({ segment }: { segment: T }): number => Math.abs(segment.born - first.born);
  const batch: T[] = [];
  let room = facts.roomBytes;
  for (const { segment } of best.sort((one, other) => apart(one) - apart(other))) {
    room -= segment.liveBytes;
    if (room < 0 && batch.length > 0) break;
    batch.push(segment);
  }
  return batch;
}

/** When the data of a batch was written, on the average of its bytes. */
export function bornOf(batch: readonly Cleanable[]): number {
  let bytes = 0;
  let sum = 0;
  for (const { liveBytes, born } of batch) {
    bytes += liveBytes;
    sum += liveBytes * born;
  }
  return bytes === 0 ? 0 : Math.round(sum / bytes);
}
