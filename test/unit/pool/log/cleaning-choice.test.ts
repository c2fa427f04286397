import { bornOf, chooseBatch } from '../../../../pool/log/cleaning-choice.ts';
import type { Cleanable } from '../../../../pool/log/cleaning-choice.ts';
import { Prng } from '../../../sim/prng.ts';

const segment = (liveBytes: number, born: number): Cleanable => ({ bytes: 100, liveBytes, born });
const facts = { liveShare: 0.97, now: 1000, roomBytes: 100 };

describe('the choice of what to clean', () => {
  test('prefers what gives more for what is copied', () => {
    const [chosen] = chooseBatch([segment(60, 1), segment(20, 1), segment(40, 1)], facts);
    expect(chosen?.liveBytes).toBe(20);
  });

  test('prefers old data: what is young may die by itself', () => {
    const [chosen] = chooseBatch([segment(40, 999), segment(50, 1)], facts);
    expect(chosen?.born).toBe(1);
  });

  test('takes together what is of an age, as much as one segment holds', () => {
    const old = [segment(30, 5), segment(30, 6), segment(30, 7)];
    const batch = chooseBatch([segment(1, 990), ...old, segment(30, 500)], facts);
    expect(batch.map(({ born }) => born)).toEqual([5, 6, 7]);
    expect(bornOf(batch)).toBe(6);
  });

  test('leaves what is alive beyond the share, and takes the best even where it is too large', () => {
    expect(chooseBatch([segment(98, 1)], facts)).toEqual([]);
    expect(chooseBatch([segment(90, 1)], { ...facts, roomBytes: 10 })).toHaveLength(1);
  });
});

const CHUNKS = 64;

interface LogSegment extends Cleanable {
  readonly number: number;
  readonly live: Set<number>;
  readonly bytes: number;
  liveBytes: number;
}

type Choice = (segments: Iterable<LogSegment>, facts: typeof facts0) => LogSegment[];
const facts0 = { liveShare: 0.97, now: 0, roomBytes: CHUNKS };

/** What was the rule before: the emptiest first. */
const emptiestFirst: Choice = (segments, { liveShare, roomBytes }) => {
  const found = [...segments].filter((one) => one.liveBytes <= one.bytes * liveShare);
  found.sort((one, other) => one.liveBytes / one.bytes - other.liveBytes / other.bytes);
  let room = roomBytes;
  return found.filter((one, index) => index === 0 || (room -= one.liveBytes) >= 0);
};

/** A log of chunks of one byte, in which a cleaner makes room: chunks copied for each one written. */
class ModelLog {
  readonly #segments = new Map<number, LogSegment>();
  readonly #where: Int32Array;
  readonly #capacity: number;
  readonly #choice: Choice;
  #open: number[] = [];
  #used = 0;
  #next = 1;
  copied = 0;

  constructor(choice: Choice, chunks: number, capacity: number) {
    this.#choice = choice;
    this.#where = new Int32Array(chunks);
    this.#capacity = capacity;
  }

  write(chunk: number): void {
    const old = this.#segments.get(this.#where[chunk] ?? 0);
    if (old?.live.delete(chunk) === true) {
      old.liveBytes -= 1;
      if (old.liveBytes === 0) this.#remove(old);
    }
    this.#where[chunk] = 0;
    this.#open.push(chunk);
    if (this.#open.length < CHUNKS) return;
    this.#seal(new Set(this.#open), CHUNKS, this.#next);
    this.#open = [];
    while (this.#used > this.#capacity) this.#clean();
  }

  #clean(): void {
    const facts = { ...facts0, now: this.#next };
    const batch = this.#choice(this.#segments.values(), facts);
    const born = bornOf(batch);
    const live = new Set(batch.flatMap((one) => [...one.live]));
    for (const one of batch) this.#remove(one);
    this.copied += live.size;
    this.#seal(live, live.size, born);
  }

  #seal(live: Set<number>, bytes: number, born: number): void {
    const number = this.#next++;
    this.#segments.set(number, { number, live, bytes, liveBytes: live.size, born });
    for (const chunk of live) this.#where[chunk] = number;
    this.#used += bytes;
  }

  #remove({ number, bytes }: LogSegment): void {
    this.#segments.delete(number);
    this.#used -= bytes;
  }
}

/** `hot` of all chunks take `traffic` of all writes. */
function copiedPerWrite(choice: Choice, load: { hot: number; traffic: number }): number {
  const capacity = 120 * CHUNKS;
  const chunks = Math.floor(capacity * 0.85);
  const log = new ModelLog(choice, chunks, capacity);
  const prng = new Prng(1);
  const hotChunks = Math.floor(chunks * load.hot);
  for (let chunk = 0; chunk < chunks; chunk++) log.write(chunk);
  let before = 0;
  for (let written = 0; written < 40_000; written++) {
    if (written === 20_000) before = log.copied;
    const isHot = prng.chance(load.traffic);
    log.write(isHot ? prng.below(hotChunks) : hotChunks + prng.below(chunks - hotChunks));
  }
  return (log.copied - before) / 20_000;
}

describe('what the cleaner copies', () => {
  const evenly = { hot: 0.5, traffic: 0.5 };

  test('of skewed overwrites is far less than with the emptiest first', () => {
    const skewed = { hot: 0.1, traffic: 0.9 };
    const copied = copiedPerWrite(chooseBatch, skewed);
    expect(copied).toBeLessThan(0.7 * copiedPerWrite(emptiestFirst, skewed));
  });

  test('of even overwrites is little more', () => {
    const copied = copiedPerWrite(chooseBatch, evenly);
    expect(copied).toBeLessThan(1.15 * copiedPerWrite(emptiestFirst, evenly));
  });
});
