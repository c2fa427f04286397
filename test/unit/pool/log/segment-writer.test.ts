import { present } from '../../../../src/base/assert.ts';
import { KIB, MIB } from '../../../../src/base/bytes.ts';
import { DiskError } from '../../../../src/base/ports.ts';
import type { ChunkToPack } from '../../../../src/base/ports.ts';
import { recordBytes } from '../../../../pool/log/segment-format.ts';
import { SegmentStore } from '../../../../pool/log/segment-store.ts';
import { SegmentWriter } from '../../../../pool/log/segment-writer.ts';
import { PoolInWorld, calmWorld, patterned } from '../pool-in-world.ts';

const CHUNK = 4 * KIB;

function chunkOf(id: number): ChunkToPack {
  const bytes = patterned(CHUNK, id);
  const names = { id, log2: 12, volume: 1, chunkNumber: id };
  return { ...names, bytes, setting: null, fingerprintHigh: 0, fingerprintLow: 0 };
}

test.each([1, 3, 14])(
  'a segment of batches of %i, several on their way at once, keeps to its limit',
  async (batchChunks) => {
    for (let limitBytes = 256 * KIB; limitBytes < 256 * KIB + 8 * KIB; limitBytes += 512) {
      const world = calmWorld();
      const { disks, compute, packing } = await PoolInWorld.portsOf(world);
      const store = new SegmentStore(
        disks.map(({ disk }) => {
          const healthy = { failed: false, errors: 0 };
          return { disk, id: 'a', class: 'nvme', capacityBytes: MIB, ...healthy };
        }),
      );
      await world.until(SegmentStore.prepare(present(disks[0], 'one').disk));
      const facts = { store, compute, packing, disk: 0, limitBytes, spare: [] };
      const header = { number: 1, logId: 1, epoch: 1, incarnation: 1 };
      const writer = await world.until(SegmentWriter.create(facts, header));
      const batches: Promise<unknown>[] = [];
      for (let id = 1, isFull = false; !isFull;) {
        const chunks: ChunkToPack[] = [];
        const next = (): { bytes: number; records: number } => ({
          bytes: chunks.length * recordBytes(CHUNK),
          records: chunks.length,
        });
        while (chunks.length < batchChunks && writer.hasRoomFor(CHUNK, next()))
          chunks.push(chunkOf(id++));
        isFull = chunks.length < batchChunks;
        if (chunks.length === 0) break;
        const packed = new Promise((resolve) => {
          writer.pack(chunks, resolve);
        });
        batches.push(packed);
      }
      for (const packed of await world.until(Promise.all(batches)))
        expect(packed).not.toBeInstanceOf(DiskError);
      expect(await world.until(writer.seal())).toBeLessThanOrEqual(limitBytes);
    }
  },
);
