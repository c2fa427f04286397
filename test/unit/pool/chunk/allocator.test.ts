import { chunkKeyOf, partitionOf } from '../../../../pool/chunk/chunk-page.ts';
import { Parts, loggedAt, writtenChunk } from '../parts-in-world.ts';

const PARTITION_5 = 5 << 26;

describe('chunk ids', () => {
  test('0 is the hole and is never given out', async () => {
    const parts = await Parts.make();
    const ids = Array.from({ length: 300 }, () => parts.makeChunk());
    expect(ids[0]).toBe(1);
    expect(new Set(ids).size).toBe(300);
  });

  test('lie in the partition that the top bits of the fingerprint choose', async () => {
    const parts = await Parts.make();
    expect(partitionOf(parts.makeChunk(PARTITION_5))).toBe(5);
    expect(partitionOf(parts.makeChunk(0xffff_ffff))).toBe(63);
    expect(parts.makeChunk(0xffff_ffff)).toBe(63 * 2 ** 34 + 1);
  });

  test('of what died are used again only when the checkpoint of its death is durable', async () => {
    const parts = await Parts.make();
    // A page is opened as a whole: the first of the next page opens the one with deaths, if it may.
    const page = Array.from({ length: 128 }, () => parts.makeChunk(PARTITION_5));
    const dead = page.slice(0, 2);
    for (const id of dead) parts.releases.drop(id);
    await parts.flushDrops();
    const before = Array.from({ length: 256 }, () => parts.makeChunk(PARTITION_5));
    expect(before.some((id) => dead.includes(id))).toBe(false);
    await parts.checkpointPages();
    const after = Array.from({ length: 512 }, () => parts.makeChunk(PARTITION_5));
    expect(after.filter((id) => dead.includes(id)).sort()).toEqual(dead);
  });

  test('of a page with deaths in every checkpoint are used again, each when its own is durable', async () => {
    const parts = await Parts.make();
    const page = Array.from({ length: 128 }, () => parts.makeChunk(PARTITION_5));
    const used: number[] = [];
    for (const id of page.slice(0, 8)) {
      parts.releases.drop(id);
      await parts.flushDrops();
      // While this checkpoint is on its way the next chunk of the page dies.
      const frozen = parts.pages.freeze();
      parts.checkpoint += 1;
      parts.releases.drop(id + 8);
      await parts.flushDrops();
      expect(used).not.toContain(id + 8);
      parts.grace.committed(parts.checkpoint - 1);
      for (const stored of frozen.puts) parts.pages.frozenBytes(stored);
      parts.pages.thaw();
      for (let count = 0; count < 256; count++) used.push(parts.makeChunk(PARTITION_5));
    }
    expect(new Set(used).size).toBe(used.length);
    expect(page.slice(0, 7).every((id) => used.includes(id))).toBe(true);
    expect(page.slice(8, 14).every((id) => used.includes(id))).toBe(true);
  });

  test('are not used again while a read of before goes on', async () => {
    const parts = await Parts.make();
    const read = parts.grace.begin();
    const page = Array.from({ length: 128 }, () => parts.makeChunk(PARTITION_5));
    for (const id of page) parts.releases.drop(id);
    await parts.flushDrops();
    await parts.checkpointPages();
    const during = Array.from({ length: 512 }, () => parts.makeChunk(PARTITION_5));
    expect(during.some((id) => page.includes(id))).toBe(false);
    parts.grace.end(read);
    const after = Array.from({ length: 512 }, () => parts.makeChunk(PARTITION_5));
    expect(after.some((id) => page.includes(id))).toBe(true);
  });

  test('that are on their way to the journal are not given out again with their page', async () => {
    const parts = await Parts.make();
    const page = Array.from({ length: 127 }, () => parts.makeChunk(PARTITION_5));
    const inFlight = parts.allocate(PARTITION_5);
    for (const id of page) parts.releases.drop(id);
    await parts.flushDrops();
    await parts.checkpointPages();
    const others = Array.from({ length: 512 }, () => parts.makeChunk(PARTITION_5));
    expect(others).not.toContain(inFlight.id);
    parts.chunks.create(inFlight.page, writtenChunk(inFlight.id), loggedAt(0), null);
    parts.chunks.giveBack(inFlight.page);
    const later = Array.from({ length: 512 }, () => parts.makeChunk(PARTITION_5));
    expect(later.some((id) => page.includes(id))).toBe(true);
    expect(later).not.toContain(inFlight.id);
  });

  test('that died before a start are found again, page after page', async () => {
    const before = await Parts.make();
    const live = Array.from({ length: 1280 }, () => before.makeChunk(PARTITION_5));
    const dead = live.filter((_, index) => index < 3 * 128 || index >= 5 * 128);
    for (const id of dead) before.releases.drop(id);
    await before.flushDrops();
    await before.checkpointPages();
    const { nextPages } = before.chunks.state();
    const parts = await Parts.make({ world: before.world, nextPages, committed: 2 });
    const used: number[] = [];
    for (let round = 0; round < 20; round++) {
      for (let count = 0; count < 128; count++) used.push(parts.makeChunk(PARTITION_5));
      await parts.world.run();
    }
    expect(new Set(used).size).toBe(used.length);
    expect(dead.filter((id) => !used.includes(id))).toEqual([]);
    const kept = live.filter((id) => !dead.includes(id));
    expect(used.some((id) => kept.includes(id))).toBe(false);
  });

  test('that a replay meets are not given out again', async () => {
    const parts = await Parts.make();
    const met = 5 * 2 ** 34 + 3 * 128 + 7;
    parts.chunks.noteUsed(met);
    const page = parts.pages.get(chunkKeyOf(met));
    if (page === null) throw new Error('its page has been made');
    parts.chunks.create(page, writtenChunk(met), loggedAt(0), null);
    const ids = Array.from({ length: 1024 }, () => parts.makeChunk(PARTITION_5));
    expect(ids).not.toContain(met);
    expect(new Set(ids).size).toBe(1024);
  });
});
