import { ChunkState, EntryField, chunkKeyOf, entryAt } from '../../../../pool/chunk/chunk-page.ts';
import { ReleaseQueue } from '../../../../pool/chunk/release-queue.ts';
import { FingerprintIndex } from '../../../../pool/dedup/fingerprint-index.ts';
import { Parts } from '../parts-in-world.ts';

const stateOf = (parts: Parts, id: number): number => {
  const page = parts.pages.get(chunkKeyOf(id));
  return page === null ? -1 : parts.chunks.stateOf(page, id);
};

/** Ids as a checkpoint stores them: 8 bytes each, little-endian. */
const decoded = (bytes: Uint8Array): number[] =>
  Array.from({ length: bytes.length / 8 }, (_, index) =>
    Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(index * 8, true)),
  );

describe('the queue of drops', () => {
  test('a chunk dies when its last reference is dropped', async () => {
    const parts = await Parts.make();
    const id = parts.makeChunk();
    parts.releases.drop(id);
    expect(stateOf(parts, id)).toBe(ChunkState.live);
    await parts.flushDrops();
    expect(stateOf(parts, id)).toBe(ChunkState.dead);
    expect(parts.chunks.uniqueBytes).toBe(0);
  });

  test('drops of one id in one batch are taken from its count together', async () => {
    const parts = await Parts.make();
    const id = parts.makeChunk();
    const page = parts.pages.get(chunkKeyOf(id));
    if (page === null) throw new Error('no page');
    page.words[entryAt(id) + EntryField.count] = 3;
    for (let drops = 0; drops < 2; drops++) parts.releases.drop(id);
    await parts.flushDrops();
    expect(page.words[entryAt(id) + EntryField.count]).toBe(1);
    parts.releases.drop(id);
    await parts.flushDrops();
    expect(stateOf(parts, id)).toBe(ChunkState.dead);
  });

  test('an entry that died keeps the checkpoint that first holds its death', async () => {
    const parts = await Parts.make();
    const id = parts.makeChunk();
    await parts.checkpointPages();
    parts.releases.drop(id);
    await parts.flushDrops();
    const page = parts.pages.get(chunkKeyOf(id));
    expect(page?.words[entryAt(id) + EntryField.death]).toBe(3);
  });

  test('a checkpoint amid a batch holds what is not applied yet, once', async () => {
    const parts = await Parts.make();
    // Two pages, the second not in memory when the batch comes to it.
    const ids = [parts.makeChunk(0), parts.makeChunk(1 << 26)];
    await parts.checkpointPages();
    const other = await Parts.make({ world: parts.world });
    for (const id of ids) other.releases.drop(id);
    await other.world.until(
      new Promise<void>((resolve) => {
        other.pages.load(chunkKeyOf(ids[0] ?? 0), () => {
          resolve();
        });
      }),
    );
    let ended = false;
    other.releases.flush(() => {
      ended = true;
    });
    other.releases.drop(77);
    expect(ended).toBe(false);
    expect(stateOf(other, ids[0] ?? 0)).toBe(ChunkState.dead);
    expect(decoded(other.releases.encode())).toEqual([ids[1], 77]);
  });

  test('what a checkpoint held is dropped after the next start', async () => {
    const parts = await Parts.make();
    const id = parts.makeChunk(9 << 26);
    await parts.checkpointPages();
    parts.releases.drop(id);
    const stored = parts.releases.encode();
    const other = await Parts.make({ world: parts.world });
    other.releases.restore(stored);
    expect(other.releases.size).toBe(1);
    await other.flushDrops();
    expect(stateOf(other, id)).toBe(ChunkState.dead);
    expect(other.releases.size).toBe(0);
  });

  test('drops that name a damaged page are counted and do not stop the others', async () => {
    const parts = await Parts.make();
    const lost = [parts.makeChunk(0), parts.makeChunk(0)];
    const kept = parts.makeChunk(1 << 26);
    await parts.checkpointPages();
    parts.world.metaMedium('meta').damaged.add(chunkKeyOf(lost[0] ?? 0));
    const other = await Parts.make({ world: parts.world });
    for (const id of [...lost, kept]) other.releases.drop(id);
    await other.flushDrops();
    expect(other.releases.leaked).toBe(2);
    expect(stateOf(other, kept)).toBe(ChunkState.dead);
  });

  test('waits for a checkpoint when it has made more pages dirty than may be', async () => {
    const parts = await Parts.make({ cachedPages: 100 });
    const ids = Array.from({ length: 60 }, (_, index) => parts.makeChunk(index << 26));
    await parts.checkpointPages();
    const other = await Parts.make({ world: parts.world, cachedPages: 20 });
    let asked = 0;
    other.pages.onCrowded = () => {
      asked += 1;
    };
    for (const id of ids) other.releases.drop(id);
    const state = { ended: false };
    other.releases.flush(() => {
      state.ended = true;
    });
    for (let checkpoints = 1; checkpoints <= 2; checkpoints++) {
      await other.world.run();
      expect([asked, state.ended]).toEqual([checkpoints, false]);
      expect(other.pages.dirtyCount).toBe(21);
      await other.checkpointPages();
    }
    await other.world.run();
    expect(state.ended).toBe(true);
  });

  test('a checkpoint while many drops are being sorted holds each once, and those that came meanwhile', async () => {
    const parts = await Parts.make();
    const turns: (() => void)[] = [];
    const nextTurn = (run: () => void): void => void turns.push(run);
    const { pages, chunks, cache, pending } = parts;
    const index = new FingerprintIndex(64 * 1024, () => 0);
    const lookedAt = { pages, index, cache, pending };
    const queue = new ReleaseQueue({ ...lookedAt, chunks, nextTurn, chunksPerTurn: 1 });
    // More than are sorted in one turn, in no order of theirs.
    const ids = Array.from({ length: 100 }, (_, index) =>
      parts.makeChunk(((index * 37) % 64) * 2 ** 26),
    );
    const late = parts.makeChunk();
    const owed = new Set(ids);
    for (const id of ids) queue.drop(id);
    const state = { ended: false };
    queue.flush(() => {
      state.ended = true;
    });
    queue.drop(late);
    let frozen = 0;
    for (; !state.ended; frozen++) {
      const kept = decoded(queue.encode());
      for (const id of owed) if (stateOf(parts, id) === ChunkState.dead) owed.delete(id);
      expect(kept.toSorted((one, other) => one - other)).toEqual(
        [...owed, late].sort((one, other) => one - other),
      );
      turns.shift()?.();
      // What was awaited goes on.
      await Promise.resolve();
      await Promise.resolve();
      await Promise.resolve();
    }
    expect(owed.size).toBe(0);
    expect(frozen).toBeGreaterThan(100);
    expect(stateOf(parts, late)).toBe(ChunkState.live);
  });

  test('what is dropped more often than it is referenced is a bug', async () => {
    const parts = await Parts.make();
    const id = parts.makeChunk();
    parts.releases.drop(id);
    parts.releases.drop(id);
    expect(() => {
      parts.releases.flush(() => undefined);
    }).toThrow('a count is never below its references');
  });
});
