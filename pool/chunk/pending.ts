/**
 * Chunks whose bytes are not yet in a sealed segment, in log order. Those in the journal are served from
 * the cache, where they are pinned; from the journal after a restart, and where destage falls so far behind
 * that their bytes are more than memory may hold. Those that went straight to a segment are served from
 * there while it waits to be sealed; where it never will be, they are destaged as the others are.
 *
 * Who holds a chunk over a wait holds its *ticket* (log-order.ts), and asks whether it is still wanted: it may have died
 * meanwhile, and its id be another chunk's.
 */
import { assert, present } from '../../src/base/assert.ts';
import { IdTable } from '../../src/base/id-table.ts';
import { ABSENT } from './chunk-cache.ts';
import type { ChunkCache } from './chunk-cache.ts';
import { LogOrder, NO_ROW } from './log-order.ts';
import { Flag, PendingRows } from './pending-rows.ts';
import type {
  Logged,
  OwedSearch,
  PendingChunk,
  PlacedChunk,
  UnsealedPlace,
} from './pending-rows.ts';
import type { FramePosition } from '../log/journal.ts';

/** How many are expected, as many as a journal of 512 MiB holds; more cost a turn that takes longer. */
const USUAL_CHUNKS = 131_072;

export class PendingChunks {
  /** Tickets. */
  readonly #byId = new IdTable(USUAL_CHUNKS);
  readonly #rows = new PendingRows();
  readonly #order: LogOrder;
  /** Plain bytes that sealed segments took over since the start. */
  destagedBytes = 0;
  /** Of segments that will never be sealed, how many wanted chunks lie there. */
  readonly #unsealed = new Map<number, { readonly disk: number; chunks: number }>();
  /** Nothing in such a segment is wanted any more. */
  onUnsealedEmpty: (number: number, disk: number) => void = () => undefined;
  #bytes = 0;
  #straightBytes = 0;
  #heldBytes = 0;
  readonly #cache: ChunkCache;
  /** At most so many bytes are held in the cache. */
  readonly limitBytes: number;

  constructor(cache: ChunkCache, limitBytes: number, order = new LogOrder()) {
    this.#cache = cache;
    this.limitBytes = limitBytes;
    this.#order = order;
  }

  /** Plain bytes that are held in memory. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Plain bytes that are wanted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Plain bytes that are wanted and on no way into a segment yet. */
  get owedBytes(): number {
    return this.#bytes - this.#straightBytes;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Segments that will never be sealed, with the disks on which they lie. */
  get unsealed(): ReadonlyMap<number, { readonly disk: number }> {
    return this.#unsealed;
  }

  /** Gives its ticket. `bytes` are copied; null: they are in the journal or a segment only. */
  add(chunk: PlacedChunk, logged: Logged, bytes: Uint8Array | null): number {
    const { id, log2, segment, disk } = chunk;
    const row = this.#rows.add(chunk, logged);
    const ticket = this.#order.add(row, logged.isStraight);
    assert(this.#byId.add(id, ticket) === ticket, 'an id is that of one pending chunk');
    this.#bytes += 1 << log2;
    if (logged.isStraight) this.#straightBytes += 1 << log2;
    else if (segment !== 0) this.#liesUnsealed(segment, disk);
    if (bytes !== null) this.#hold(row, id, bytes);
    return ticket;
  }

  #hold(row: number, id: number, bytes: Uint8Array): void {
    if (this.#heldBytes + bytes.length > this.limitBytes) return;
    const slot = this.#cache.put(id, bytes);
    if (slot === ABSENT) return;
    this.#cache.pin(slot);
    this.#rows.setSlot(row, slot);
    this.#heldBytes += bytes.length;
  }

  /** It died, or a sealed segment has it: it is wanted no more. What the cache has of it may be forgotten. */
  settle(ticket: number): void {
    const row = this.#order.giveBack(ticket);
    if (row === NO_ROW) return;
    const rows = this.#rows;
    const lengthBytes = 1 << rows.log2(row);
    const segment = rows.segment(row);
    const isStraight = rows.has(row, Flag.straight);
    const slot = rows.slot(row);
    this.#byId.delete(rows.id(row));
    rows.giveBack(row);
    if (slot !== ABSENT) {
      this.#heldBytes -= lengthBytes;
      this.#cache.unpin(slot);
    }
    this.#bytes -= lengthBytes;
    if (isStraight) this.#straightBytes -= lengthBytes;
    else if (segment !== 0) this.#leftUnsealed(segment);
  }

  /** The segment to which it went straight will never be sealed: it is destaged from there. */
  endStraight(ticket: number): void {
    const row = this.#order.rowOf(ticket);
    const rows = this.#rows;
    if (row === NO_ROW || !rows.has(row, Flag.straight)) return;
    rows.clear(row, Flag.straight);
    this.#straightBytes -= 1 << rows.log2(row);
    this.#liesUnsealed(rows.segment(row), rows.disk(row));
    this.unstage(ticket);
  }

  #liesUnsealed(segment: number, disk: number): void {
    const known = this.#unsealed.get(segment);
    if (known === undefined) this.#unsealed.set(segment, { disk, chunks: 1 });
    else known.chunks += 1;
  }

  #leftUnsealed(segment: number): void {
    const known = present(this.#unsealed.get(segment), 'who leaves it has lain there');
    known.chunks -= 1;
    if (known.chunks > 0) return;
    this.#unsealed.delete(segment);
    this.onUnsealedEmpty(segment, known.disk);
  }

  isWanted(ticket: number): boolean {
    return this.#order.rowOf(ticket) !== NO_ROW;
  }

  /** null: no chunk with this id is pending. */
  ticketOf(id: number): number | null {
    const ticket = this.#byId.get(id);
    return ticket < 0 ? null : ticket;
  }

  /** undefined: no chunk with this id is pending. */
  get(id: number): PendingChunk | undefined {
    const ticket = this.#byId.get(id);
    return ticket < 0 ? undefined : this.chunk(ticket);
  }

  /** The chunk is wanted, here and in what follows. */
  chunk(ticket: number): PendingChunk {
    return this.#rows.chunk(this.#wanted(ticket), ticket);
  }

  /** Reads its row, if it is wanted: gives some number. */
  touch(ticket: number): number {
    const row = this.#order.rowOf(ticket);
    return row === NO_ROW ? 0 : this.#rows.log2(row) ^ this.#rows.id(row);
  }

  /** Reads where an id is looked up: gives some number. */
  touchId(id: number): number {
    return this.#byId.touch(id);
  }

  /** Reads the row of the chunk with this id, if it is pending: gives some number. */
  touchChunk(id: number): number {
    const ticket = this.#byId.get(id);
    return ticket < 0 ? 0 : this.touch(ticket);
  }

  idOf(ticket: number): number {
    return this.#rows.id(this.#wanted(ticket));
  }

  /** Its place in the cache; `ABSENT`: its bytes are read from the journal or its segment. */
  slotOf(ticket: number): number {
    return this.#rows.slot(this.#wanted(ticket));
  }

  /** Its bytes are there; null: in the journal. */
  placeOf(ticket: number): UnsealedPlace | null {
    return this.#rows.place(this.#wanted(ticket));
  }

  /** Of the frame that holds it. */
  positionOf(ticket: number): number {
    return this.#rows.position(this.#wanted(ticket));
  }

  /** Whether the log has it before the other one. */
  isOlder(ticket: number, than: number): boolean {
    const rows = this.#rows;
    return rows.dataPosition(this.#wanted(ticket)) < rows.dataPosition(this.#wanted(than));
  }

  /** Whether it is to be put into the index of fingerprints: from now on it counts as put there. */
  takeToIndex(ticket: number): boolean {
    const row = this.#wanted(ticket);
    if (this.#rows.has(row, Flag.dedupOff | Flag.indexed)) return false;
    this.#rows.set(row, Flag.indexed);
    return true;
  }

  /** Whether a duplicate is still to be looked for. */
  isOwing(ticket: number): boolean {
    return this.#rows.has(this.#wanted(ticket), Flag.owesOnAck | Flag.owesPostAck);
  }

  /** The mode for which a duplicate is to be looked for, which counts as done from now on; null: none. */
  takeOwed(ticket: number): OwedSearch | null {
    const row = this.#wanted(ticket);
    const onAck = this.#rows.has(row, Flag.owesOnAck);
    const postAck = this.#rows.has(row, Flag.owesPostAck);
    this.#rows.clear(row, Flag.owesOnAck | Flag.owesPostAck);
    if (onAck) return 'on-ack';
    return postAck ? 'post-ack' : null;
  }

  /** A duplicate is to be looked for at destage. */
  owe(ticket: number): void {
    this.#rows.set(this.#wanted(ticket), Flag.owesPostAck);
  }

  #wanted(ticket: number): number {
    const row = this.#order.rowOf(ticket);
    assert(row !== NO_ROW, 'who looks at a pending chunk has asked whether it is wanted');
    return row;
  }

  /** The frame of the oldest chunk that is still wanted. */
  oldest(): FramePosition | null {
    const ticket = this.#order.oldest();
    return ticket === null ? null : this.#rows.frame(this.#wanted(ticket));
  }

  /** Not to be stored now: it is being copied to a segment that is not sealed yet, is compared with a
   * duplicate, or is about to die. */
  isStaged(ticket: number): boolean {
    return this.#order.isStaged(ticket);
  }

  stage(ticket: number): void {
    this.#order.stage(ticket);
  }

  /** What it was staged for came to nothing: it is to be staged again, if it is still wanted. */
  unstage(ticket: number): void {
    this.#order.unstage(ticket);
  }

  /** The next in log order that is wanted and not staged yet; marks nothing. */
  nextUnstaged(): number | null {
    return this.#order.nextUnstaged();
  }
}
