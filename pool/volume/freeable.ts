/**
 * What deleting a snapshot would free, exactly: of the chunks that only it has of its family, those
 * that nothing else refers to, by their counts. It looks at each of them, in passes that hold a bounded
 * number of ids each.
 */
import { ChunkState, EntryField, chunkKeyOf, entryAt, partitionOf } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import { recordBytes } from '../log/segment-format.ts';
import type { SnapshotRecord } from './catalogue.ts';
import type { VolumeTable } from './volume-table.ts';

const IDS_A_PASS = 2 ** 21;
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
    const ids: number[] = [];
    await lists.forEachChunk(
      next.deadlist,
      (id, birth) => {
        if (birth > sharedTo && partitionOf(id) % passes === pass) ids.push(id);
      },
      () => undefined,
    );
    bytes += await freedOf(core, Float64Array.from(ids).sort());
  }
  return bytes;
}

/** Bytes of the chunks whose references are all among these, sorted. */
async function freedOf(core: PoolCore, ids: Float64Array): Promise<number> {
  let bytes = 0;
  let looked = 0;
  for (let at = 0; at < ids.length;) {
    const id = ids[at] ?? 0;
    let references = 0;
    for (; ids[at] === id; at++) references += 1;
    const page = await core.pages.hold(chunkKeyOf(id));
    if (page === null) continue;
    const entry = entryAt(id);
    const isLive = core.chunks.stateOf(page, id) === ChunkState.live;
    if (isLive && page.words[entry + EntryField.count] === references) {
      const log2 = ((page.words[entry + EntryField.state] ?? 0) >>> 8) & 0xff;
      const place = core.chunks.placeOf(page, id);
      bytes += recordBytes(place === null ? 2 ** log2 : place.storedBytes);
    }
    core.pages.letGo(page);
    looked += 1;
    if (looked % CHUNKS_PER_TURN === 0) {
      await new Promise<void>((resolve) => {
        core.clock.nextTurn(resolve);
      });
    }
  }
  return bytes;
}
