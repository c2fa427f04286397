import { present } from '../../../../src/base/assert.ts';
import { chunkKeyOf } from '../../../../pool/chunk/chunk-page.ts';
import type { ChunkPlace } from '../../../../pool/chunk/chunk-table.ts';
import type { Page } from '../../../../pool/meta/page-cache.ts';
import { Parts } from '../parts-in-world.ts';

const placeIn = (segment: number, codec = 0): ChunkPlace => ({
  segment,
  offset: 64,
  storedBytes: codec === 0 ? 4096 : 1000,
  codec,
});

/** A chunk in segment 1, and segment 2 to move it to. */
async function placed(): Promise<{ parts: Parts; id: number; page: Page }> {
  const parts = await Parts.make();
  const id = parts.makeChunk();
  const page = present(parts.pages.get(chunkKeyOf(id)), 'just made');
  for (const number of [1, 2]) parts.segments.add(number, { disk: 0, bytes: 8192 });
  parts.chunks.place(page, present(parts.pending.ticketOf(id), 'just made'), placeIn(1));
  return { parts, id, page };
}

describe('a move by the cleaner or a rewrite', () => {
  test('swaps the place, and the bytes of both segments with it', async () => {
    const { parts, id, page } = await placed();
    expect(parts.chunks.move(page, id, placeIn(1), placeIn(2, 1))).toBe(true);
    expect(parts.chunks.placeOf(page, id)).toEqual(placeIn(2, 1));
    expect(parts.segments.get(1)).toMatchObject({ liveBytes: 0, liveChunks: 0 });
    expect(parts.segments.get(2)).toMatchObject({ liveBytes: 1032, liveChunks: 1 });
  });

  test('does nothing when the entry names another place by now', async () => {
    const { parts, id, page } = await placed();
    expect(parts.chunks.move(page, id, { ...placeIn(1), offset: 4096 }, placeIn(2))).toBe(false);
    expect(parts.chunks.move(page, id, placeIn(3), placeIn(2))).toBe(false);
    expect(parts.chunks.placeOf(page, id)).toEqual(placeIn(1));
    expect(parts.segments.get(2)).toMatchObject({ liveBytes: 0, liveChunks: 0 });
  });

  test('does nothing when the chunk has died', async () => {
    const { parts, id, page } = await placed();
    parts.releases.drop(id);
    await parts.flushDrops();
    expect(parts.chunks.move(page, id, placeIn(1), placeIn(2))).toBe(false);
    expect(parts.segments.get(2)).toMatchObject({ liveBytes: 0, liveChunks: 0 });
  });
});
