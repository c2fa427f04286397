import { ABSENT, ChunkCache } from '../../../../pool/chunk/chunk-cache.ts';
import { LogOrder } from '../../../../pool/chunk/log-order.ts';
import { PendingChunks } from '../../../../pool/chunk/pending.ts';
import { loggedAt, writtenChunk } from '../parts-in-world.ts';
import { arraysMade } from './arrays-made.ts';

const FRAME_BYTES = 4192;

const emptyTable = (limitBytes = Infinity, order = new LogOrder()): PendingChunks =>
  new PendingChunks(new ChunkCache(1024 * 1024), limitBytes, order);

/** Chunks 1 to `count`, in frames that follow each other; gives their tickets. */
function filled(
  count: number,
  limitBytes = Infinity,
  order = new LogOrder(),
): { pending: PendingChunks; tickets: number[] } {
  const pending = emptyTable(limitBytes, order);
  const bytes = new Uint8Array(4096);
  const tickets = Array.from({ length: count }, (_, index) =>
    pending.add(writtenChunk(index + 1), loggedAt(index * FRAME_BYTES), bytes),
  );
  return { pending, tickets };
}

const at = (tickets: readonly number[], index: number): number => {
  const ticket = tickets[index];
  if (ticket === undefined) throw new Error('no such chunk');
  return ticket;
};

/** Id of the next that is to be stored. */
const nextId = (pending: PendingChunks): number | null => {
  const ticket = pending.nextUnstaged();
  return ticket === null ? null : pending.idOf(ticket);
};

describe('chunks that are in the journal only', () => {
  test('keep the log from the oldest on that is still wanted', () => {
    const { pending, tickets } = filled(5);
    expect(pending.oldest()?.position).toBe(0);
    pending.settle(at(tickets, 1));
    expect(pending.oldest()?.position).toBe(0);
    pending.settle(at(tickets, 0));
    expect(pending.oldest()?.position).toBe(2 * FRAME_BYTES);
    for (const ticket of tickets) pending.settle(ticket);
    expect(pending.oldest()).toBeNull();
    expect([pending.bytes, pending.size]).toEqual([0, 0]);
  });

  test('are staged in log order, each once, the dead left out', () => {
    const { pending, tickets } = filled(4);
    pending.settle(at(tickets, 1));
    const order: number[] = [];
    for (let next = pending.nextUnstaged(); next !== null; next = pending.nextUnstaged()) {
      pending.stage(next);
      order.push(pending.idOf(next));
    }
    expect(order).toEqual([1, 3, 4]);
  });

  test('are staged again when their segment could not be written; the log is kept meanwhile', () => {
    const { pending, tickets } = filled(3);
    for (const index of [0, 1]) pending.stage(at(tickets, index));
    expect(nextId(pending)).toBe(3);
    expect(pending.oldest()?.position).toBe(0);
    pending.unstage(at(tickets, 1));
    expect(nextId(pending)).toBe(2);
    pending.unstage(at(tickets, 0));
    expect(nextId(pending)).toBe(1);
  });

  test('stay in order when many thousands have passed', () => {
    const { pending, tickets } = filled(20_000);
    for (const [index, ticket] of tickets.slice(0, 19_990).entries()) {
      expect(pending.nextUnstaged()).toBe(ticket);
      pending.stage(ticket);
      pending.settle(ticket);
      if (index % 100 === 0) pending.oldest();
    }
    expect(pending.oldest()?.position).toBe(19_990 * FRAME_BYTES);
    expect(nextId(pending)).toBe(19_991);
  });

  test('are held in memory up to the limit, beyond that they are in the journal alone', () => {
    const { pending, tickets } = filled(4, 2 * 4096);
    const isHeld = tickets.map((ticket) => pending.slotOf(ticket) !== ABSENT);
    expect(isHeld).toEqual([true, true, false, false]);
    expect([pending.heldBytes, pending.bytes]).toEqual([2 * 4096, 4 * 4096]);
    pending.settle(at(tickets, 3));
    expect(pending.heldBytes).toBe(2 * 4096);
    pending.settle(at(tickets, 0));
    expect([pending.heldBytes, pending.bytes]).toEqual([4096, 2 * 4096]);
    const later = pending.add(writtenChunk(9), loggedAt(0), new Uint8Array(4096));
    expect(pending.slotOf(later)).not.toBe(ABSENT);
  });

  test('count their bytes once, however often they are settled', () => {
    const { pending, tickets } = filled(2);
    pending.settle(at(tickets, 0));
    pending.settle(at(tickets, 0));
    expect([pending.bytes, pending.size]).toEqual([4096, 1]);
  });

  test('leave their memory to those that come after them', () => {
    const { pending, tickets } = filled(5000);
    for (const ticket of tickets) pending.settle(ticket);
    const made = arraysMade('Float64Array', () => {
      for (let round = 1; round < 20; round++) {
        const others = Array.from({ length: 5000 }, (_, index) =>
          pending.add(writtenChunk(round * 5000 + index), loggedAt(0), null),
        );
        for (const ticket of others) pending.settle(ticket);
      }
    });
    expect(made).toBe(0);
  });

  test('are what they were when they came, whatever came and went beside them', () => {
    const pending = emptyTable();
    const chunkOf = (id: number): ReturnType<typeof writtenChunk> =>
      writtenChunk(id, {
        volume: 2 ** 32 - id,
        chunkNumber: 2 ** 40 + id,
        log2: 12 + (id % 9),
        fingerprintHigh: 2 ** 32 - id,
        fingerprintLow: id,
        segment: 7,
        offset: 64 * id,
        storedBytes: 100 + id,
        codec: id % 3,
        disk: id % 4,
      });
    const loggedOf = (id: number): ReturnType<typeof loggedAt> =>
      loggedAt(2 ** 45 + id, {
        frame: { position: 2 ** 45 + id, sequence: id, previousHigh: 2 ** 32 - 1, previousLow: id },
      });
    const wanted = new Map<number, number>();
    for (let id = 1; id <= 30_000; id++) {
      wanted.set(id, pending.add(chunkOf(id), loggedOf(id), null));
      // All but one in seven go, sooner or later.
      const gone = id % 2 === 0 ? id : id - 5000;
      const ticket = wanted.get(gone);
      if (ticket === undefined || gone % 7 === 0) continue;
      pending.settle(ticket);
      wanted.delete(gone);
    }
    const expected = [...wanted].map(([id, ticket]) => {
      const { volume, chunkNumber, log2, fingerprintHigh, fingerprintLow, ...rest } = chunkOf(id);
      const { segment, offset, storedBytes, codec, disk } = rest;
      const place = { segment, offset, storedBytes, codec, disk };
      const { dataPosition } = loggedOf(id);
      const facts = { volume, chunkNumber, log2, fingerprintHigh, fingerprintLow, dataPosition };
      return { ticket, id, ...facts, place };
    });
    expect([...wanted.keys()].map((id) => pending.get(id))).toEqual(expected);
    expect(pending.size).toBe(wanted.size);
    const [first = 0] = wanted.keys();
    expect(pending.oldest()).toEqual(loggedOf(first).frame);
  });
});

describe('who holds the ticket of a chunk over a wait', () => {
  test('never finds another chunk by it, though that has its id now', () => {
    const pending = emptyTable();
    const stale = pending.add(writtenChunk(5), loggedAt(0), new Uint8Array(4096));
    pending.settle(stale);
    const ticket = pending.add(writtenChunk(5), loggedAt(FRAME_BYTES), new Uint8Array(4096));
    expect([pending.isWanted(stale), pending.isWanted(ticket)]).toEqual([false, true]);
    pending.settle(stale);
    pending.endStraight(stale);
    pending.stage(stale);
    expect([pending.ticketOf(5), pending.size, pending.bytes]).toEqual([ticket, 1, 4096]);
    expect(pending.nextUnstaged()).toBe(ticket);
    expect(() => pending.idOf(stale)).toThrow('whether it is wanted');
  });

  test('nor where tickets have been counted round', () => {
    const { pending, tickets } = filled(5000, Infinity, new LogOrder(2 ** 30 - 1024));
    for (const ticket of tickets.slice(0, 4990)) pending.settle(ticket);
    expect(tickets.slice(0, 4990).some((ticket) => pending.isWanted(ticket))).toBe(false);
    expect(tickets.slice(4990).map((ticket) => pending.idOf(ticket))).toEqual(
      Array.from({ length: 10 }, (_, index) => 4991 + index),
    );
    expect(pending.oldest()?.position).toBe(4990 * FRAME_BYTES);
  });

  test('no id is that of two pending chunks', () => {
    const { pending } = filled(1);
    expect(() => pending.add(writtenChunk(1), loggedAt(0), null)).toThrow('one pending chunk');
  });
});

describe('chunks that went straight to a segment', () => {
  const straight = { segment: 7, offset: 64, storedBytes: 4096, disk: 1 };
  const logged = loggedAt(0, { isStraight: true });

  test('are owed to no segment, and nobody stores them, while theirs is being written', () => {
    const pending = emptyTable();
    const ticket = pending.add(writtenChunk(1, straight), logged, null);
    expect([pending.bytes, pending.owedBytes, pending.nextUnstaged()]).toEqual([4096, 0, null]);
    expect(pending.unsealed.size).toBe(0);
    pending.settle(ticket);
    expect([pending.bytes, pending.owedBytes]).toEqual([0, 0]);
  });

  test('are stored from there when it will never be sealed, in their order; the file goes with the last of them', () => {
    const pending = emptyTable();
    const emptied: number[][] = [];
    pending.onUnsealedEmpty = (number, disk) => emptied.push([number, disk]);
    const dead = pending.add(writtenChunk(1, straight), logged, null);
    const tickets = [2, 3].map((id) => pending.add(writtenChunk(id, straight), logged, null));
    const later = pending.add(writtenChunk(4), loggedAt(FRAME_BYTES), null);
    expect(pending.nextUnstaged()).toBe(later);
    pending.settle(dead);
    for (const ticket of [dead, ...tickets]) pending.endStraight(ticket);
    expect([pending.owedBytes, pending.unsealed.get(7)?.disk]).toEqual([3 * 4096, 1]);
    expect(nextId(pending)).toBe(2);
    pending.endStraight(at(tickets, 0));
    expect(pending.owedBytes).toBe(3 * 4096);
    pending.settle(at(tickets, 0));
    expect(emptied).toEqual([]);
    pending.settle(at(tickets, 1));
    expect([emptied, pending.unsealed.size]).toEqual([[[7, 1]], 0]);
  });
});

describe('what is still to be done for a chunk', () => {
  test('a duplicate is looked for once, for the mode that it was written in', () => {
    const pending = emptyTable();
    const ticket = pending.add(writtenChunk(1), loggedAt(0, { owed: 'on-ack' }), null);
    expect([pending.isOwing(ticket), pending.takeOwed(ticket)]).toEqual([true, 'on-ack']);
    expect([pending.isOwing(ticket), pending.takeOwed(ticket)]).toEqual([false, null]);
    pending.owe(ticket);
    expect([pending.takeOwed(ticket), pending.takeOwed(ticket)]).toEqual(['post-ack', null]);
  });

  test('it is put into the index once, and never where dedup is off', () => {
    const pending = emptyTable();
    const ticket = pending.add(writtenChunk(1), loggedAt(0), null);
    expect([pending.takeToIndex(ticket), pending.takeToIndex(ticket)]).toEqual([true, false]);
    const off = pending.add(writtenChunk(2, { dedupOff: true }), loggedAt(0), null);
    expect(pending.takeToIndex(off)).toBe(false);
  });
});
