import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ABSENT, ChunkCache } from '../../../../pool/chunk/chunk-cache.ts';
import { PendingChunks } from '../../../../pool/chunk/pending.ts';
import type { PendingChunk } from '../../../../pool/chunk/pending.ts';
import { pendingChunk } from '../parts-in-world.ts';

function filled(
  count: number,
  limitBytes = Infinity,
): { pending: PendingChunks; chunks: PendingChunk[] } {
  const pending = new PendingChunks(new ChunkCache(1024 * 1024), limitBytes);
  const chunks = Array.from({ length: count }, (_, index) =>
    pendingChunk(index + 1, {
      frame: { position: index * 4192, sequence: index, previousHigh: 0, previousLow: 0 },
    }),
  );
  for (const chunk of chunks) pending.add(chunk, new Uint8Array(4096));
  return { pending, chunks };
}

const at = (chunks: readonly PendingChunk[], index: number): PendingChunk => {
  const chunk = chunks[index];
  if (chunk === undefined) throw new Error('no such chunk');
  return chunk;
};

describe('chunks that are in the journal only', () => {
  test('keep the log from the oldest on that is still wanted', () => {
    const { pending, chunks } = filled(5);
    expect(pending.oldest()?.position).toBe(0);
    pending.settle(at(chunks, 1));
    expect(pending.oldest()?.position).toBe(0);
    pending.settle(at(chunks, 0));
    expect(pending.oldest()?.position).toBe(2 * 4192);
    for (const chunk of chunks) pending.settle(chunk);
    expect(pending.oldest()).toBeNull();
    expect([pending.bytes, pending.size]).toEqual([0, 0]);
  });

  test('are staged in log order, each once, the dead left out', () => {
    const { pending, chunks } = filled(4);
    pending.settle(at(chunks, 1));
    const order: number[] = [];
    for (let next = pending.nextUnstaged(); next !== null; next = pending.nextUnstaged()) {
      next.staged = true;
      order.push(next.id);
    }
    expect(order).toEqual([1, 3, 4]);
  });

  test('are staged again when their segment could not be written; the log is kept meanwhile', () => {
    const { pending, chunks } = filled(3);
    const staged = [at(chunks, 0), at(chunks, 1)];
    for (const chunk of staged) chunk.staged = true;
    expect(pending.nextUnstaged()?.id).toBe(3);
    expect(pending.oldest()?.position).toBe(0);
    pending.unstage(staged);
    expect(pending.nextUnstaged()?.id).toBe(1);
  });

  test('stay in order when many thousands have passed', () => {
    const { pending, chunks } = filled(20_000);
    for (let index = 0; index < 19_990; index++) {
      const chunk = at(chunks, index);
      expect(pending.nextUnstaged()).toBe(chunk);
      chunk.staged = true;
      pending.settle(chunk);
      if (index % 100 === 0) pending.oldest();
    }
    expect(pending.oldest()?.position).toBe(19_990 * 4192);
    expect(pending.nextUnstaged()?.id).toBe(19_991);
  });

  test('are let go when they are settled, though an older one keeps the log', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const pending = new PendingChunks(new ChunkCache(1024 * 1024), Infinity);
    const oldest = pendingChunk(1);
    pending.add(oldest, null);
    const settled = Array.from({ length: 100 }, (_, index) => {
      const chunk = pendingChunk(index + 2);
      pending.add(chunk, null);
      pending.settle(chunk);
      return new WeakRef(chunk);
    });
    await nextTurn();
    collect();
    expect(settled.filter((chunk) => chunk.deref() !== undefined)).toEqual([]);
    expect(pending.oldest()).toBe(oldest.frame);
  });

  test('are held in memory up to the limit, beyond that they are in the journal alone', () => {
    const { pending, chunks } = filled(4, 2 * 4096);
    expect(chunks.map(({ slot }) => slot !== ABSENT)).toEqual([true, true, false, false]);
    expect([pending.heldBytes, pending.bytes]).toEqual([2 * 4096, 4 * 4096]);
    pending.settle(at(chunks, 3));
    expect(pending.heldBytes).toBe(2 * 4096);
    pending.settle(at(chunks, 0));
    expect([pending.heldBytes, pending.bytes]).toEqual([4096, 2 * 4096]);
    const later = pendingChunk(9);
    pending.add(later, new Uint8Array(4096));
    expect(later.slot).not.toBe(ABSENT);
  });

  test('count their bytes once, however often they are settled', () => {
    const { pending, chunks } = filled(2);
    pending.settle(at(chunks, 0));
    pending.settle(at(chunks, 0));
    expect([pending.bytes, pending.size]).toEqual([4096, 1]);
  });
});
