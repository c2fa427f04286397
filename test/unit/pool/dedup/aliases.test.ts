import type { Page } from '../../../../pool/meta/page-cache.ts';
import { Join } from '../../../../pool/dedup/join.ts';
import { ChunkState, chunkKeyOf } from '../../../../pool/chunk/chunk-page.ts';
import { fingerprintOf } from '../../../../pool/chunk/fingerprint.ts';
import { Parts } from '../parts-in-world.ts';

interface Named {
  readonly page: Page;
  readonly id: number;
}

function chunkOf(parts: Parts): Named {
  const id = parts.makeChunk();
  const page = parts.pages.get(chunkKeyOf(id));
  if (page === null) throw new Error('no page');
  return { page, id };
}

const stateOf = (parts: Parts, { page, id }: Named): number => parts.chunks.stateOf(page, id);

describe('an alias', () => {
  it('stands for a chunk, which has one reference more, and counts for no bytes', async () => {
    const parts = await Parts.make();
    const [kept, joined] = [chunkOf(parts), chunkOf(parts)];
    parts.chunks.makeAlias(joined, kept);
    expect(parts.chunks.aliasOf(joined.page, joined.id)).toBe(kept.id);
    expect(parts.chunks.countOf(kept.page, kept.id)).toBe(2);
    expect(parts.chunks.countOf(joined.page, joined.id)).toBe(1);
    expect(parts.chunks.placeOf(joined.page, joined.id)).toBeNull();
    expect(fingerprintOf(joined.page, joined.id)).toEqual({
      fingerprintHigh: 0,
      fingerprintLow: 0,
    });
    expect(parts.chunks.uniqueBytes).toBe(4096);
  });

  it('takes its reference along when it dies', async () => {
    const parts = await Parts.make();
    const [kept, joined] = [chunkOf(parts), chunkOf(parts)];
    parts.chunks.makeAlias(joined, kept);
    parts.releases.drop(joined.id);
    await parts.flushDrops();
    expect(stateOf(parts, joined)).toBe(ChunkState.dead);
    expect(parts.chunks.countOf(kept.page, kept.id)).toBe(1);
    parts.releases.drop(kept.id);
    await parts.flushDrops();
    expect(stateOf(parts, kept)).toBe(ChunkState.dead);
    expect(parts.chunks.uniqueBytes).toBe(0);
  });

  it('never stands for an alias: what one stands for becomes none, also when the alias is dead', async () => {
    const parts = await Parts.make();
    const [kept, joined] = [chunkOf(parts), chunkOf(parts)];
    parts.chunks.makeAlias(joined, kept);
    expect(parts.chunks.beginLeaving(kept.page, kept.id)).toBe(false);
    parts.releases.drop(joined.id);
    await parts.flushDrops();
    expect(parts.chunks.beginLeaving(kept.page, kept.id)).toBe(false);
  });

  it('is not made of a chunk that a reference is on its way to', async () => {
    const parts = await Parts.make();
    const { page, id } = chunkOf(parts);
    parts.chunks.pin(page, id);
    expect(parts.chunks.beginLeaving(page, id)).toBe(false);
    parts.chunks.unpin(page, id);
    expect(parts.chunks.beginLeaving(page, id)).toBe(true);
    const like = { fingerprintHigh: 1, fingerprintLow: 2 };
    expect(parts.chunks.isShareable(page, id, like, 12)).toBe(false);
    parts.chunks.stays(id);
    expect(parts.chunks.isShareable(page, id, like, 12)).toBe(true);
  });

  it('is made of what is about to die, as a replay of its record makes it', async () => {
    const parts = await Parts.make();
    const { chunks } = parts;
    const [kept, joined] = [chunkOf(parts), chunkOf(parts)];
    chunks.pin(kept.page, kept.id);
    let hasJoined = false;
    const join = Join.begin(
      { chunks },
      {
        chunk: { id: joined.id, log2: 12, volume: 1, chunkNumber: 0 },
        ...{ page: joined.page, of: kept, volumeOf: () => undefined },
        counters: {
          hits: 0,
          probes: 0,
          verifies: 0,
          mismatches: 0,
          shared: 0,
          deferred: 0,
          bytesSaved: 0,
        },
        ended: (did) => (hasJoined = did),
      },
    );
    // Its last reference goes while the record is on its way to the log.
    parts.releases.drop(joined.id);
    await parts.flushDrops();
    expect(stateOf(parts, joined)).toBe(ChunkState.live);
    join?.written({ position: 0, sequence: 0, previousHigh: 0, previousLow: 0 }, { chunks: 1 });
    expect(hasJoined).toBe(true);
    expect(chunks.aliasOf(joined.page, joined.id)).toBe(kept.id);
    await parts.flushDrops();
    expect(stateOf(parts, joined)).toBe(ChunkState.dead);
    expect(chunks.countOf(kept.page, kept.id)).toBe(1);
    expect(chunks.beginLeaving(kept.page, kept.id)).toBe(false);
  });
});
