/**
 * What deleting a snapshot would free, exactly: of the chunks that only it has of its family, those
 * that nothing else refers to, by their counts. It looks at each of them, in passes that hold a bounded
 * number of ids each.
 */
import { nextTurn } from '../../src/base/turns.ts';
import { ALIASED, ChunkState, EntryField, plainLog2 } from '../chunk/chunk-page.ts';
import { chunkKeyOf, entryAt, partitionOf } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import { recordBytes } from '../log/segment-format.ts';
import type { Page } from '../meta/page-cache.ts';
import type { SnapshotRecord } from './catalogue.ts';
import { sortInTurns } from './sort-in-turns.ts';
import type { VolumeTable } from './volume-table.ts';

/** Bounds the memory: 4 MiB, twice. */
const IDS_A_PASS = 2 ** 19;
const CHUNKS_PER_TURN = 256;

/** Stored bytes of chunks; what is not destaged yet counts as it is. */
export async function freeableBytes(
  core: PoolCore,
  { families, lists }: VolumeTable,
  snapshot: SnapshotRecord,
): Promise<number> {
  const next = families.nextOf(snapshot);
  if (next === null || families.clonesOf(snapshot.id) > 0) return 0;
  const { sharedTo } = snapshot.map;
  const passes = Math.ceil(lists.chunksAfter(next.deadlist, sharedTo) / IDS_A_PASS);
  let bytes = 0;
  for (let pass = 0; pass < passes; pass++) {
    const ids = new Numbers();
    await lists.forEachChunk(next.deadlist, {
      onEntry: (id, birth) => {
        if (birth > sharedTo && partitionOf(id) % passes === pass) ids.add(id);
      },
      onDamaged: () => undefined,
      afterRun: () => nextTurn(core.clock),
    });
    bytes += await freedOf(core, await sorted(core, ids));
  }
  return bytes;
}

/**
 * Bytes of the chunks whose references are all among these, sorted. An alias whose references all are
 * takes one along of what it stands for, which is of the same partition, so of the same pass: what
 * aliases stand for is decided when all of them have been looked at.
 */
async function freedOf(core: PoolCore, ids: Float64Array): Promise<number> {
  const { chunks } = core;
  /** Of what aliases stand for, an id for each reference that goes. */
  const aliased = new Numbers();
  let bytes = 0;
  await forEachId(core, ids, (page, id, references) => {
    const state = page.words[entryAt(id) + EntryField.state] ?? 0;
    if (chunks.stateOf(page, id) === ChunkState.live && (state & ALIASED) !== 0) {
      for (let left = references; left > 0; left--) aliased.add(id);
    } else if (chunks.countOf(page, id) === references) {
      const target = chunks.aliasOf(page, id);
      if (target === 0) bytes += storedBytesOf(core, page, id);
      else aliased.add(target);
    }
  });
  await forEachId(core, await sorted(core, aliased), (page, id, references) => {
    if (chunks.countOf(page, id) === references) bytes += storedBytesOf(core, page, id);
  });
  return bytes;
}

/** Calls `look` once for each distinct id of these, sorted, with how often it is there. What is on a
 * damaged page is passed. */
async function forEachId(
  core: PoolCore,
  ids: Float64Array,
  look: (page: Page, id: number, references: number) => void,
): Promise<void> {
  let looked = 0;
  for (let at = 0; at < ids.length;) {
    const id = ids[at] ?? 0;
    let references = 0;
    for (; ids[at] === id; at++) references += 1;
    const page = await core.pages.hold(chunkKeyOf(id));
    if (page === null) continue;
    look(page, id, references);
    core.pages.letGo(page);
    looked += 1;
    if (looked % CHUNKS_PER_TURN === 0) await nextTurn(core.clock);
  }
}

const sorted = (core: PoolCore, numbers: Numbers): Promise<Float64Array> =>
  sortInTurns(numbers.all, () => nextTurn(core.clock));

/** Numbers that become more, without an object for each. */
class Numbers {
  #room = new Float64Array(1024);
  #count = 0;

  get all(): Float64Array {
    return this.#room.subarray(0, this.#count);
  }

  add(number: number): void {
    if (this.#count === this.#room.length) {
      const room = new Float64Array(2 * this.#count);
      room.set(this.#room);
      this.#room = room;
    }
    this.#room[this.#count++] = number;
  }
}

/** What its death frees now; 0: it is no live chunk. */
function storedBytesOf({ chunks }: PoolCore, page: Page, id: number): number {
  if (chunks.stateOf(page, id) !== ChunkState.live) return 0;
  const place = chunks.placeOf(page, id);
  const log2 = plainLog2(page.words[entryAt(id) + EntryField.state] ?? 0);
  return recordBytes(place === null ? 2 ** log2 : place.storedBytes);
}
