/**
 * A block device in memory, thin by chunks, with exact provisioning: what tests and the null target
 * put under a logical unit. It can fail the next operation, and hold completions until released.
 */
import type {
  BlockDevice,
  BlockError,
  BlockRange,
  CompareAndWriteOperation,
  CopyOperation,
  DeviceIdentity,
  FlushOperation,
  KeptState,
  OrWriteOperation,
  PointInTimeDone,
  ProvisioningOperation,
  ProvisioningResources,
  ProvisioningRun,
  ReadOperation,
  UnmapOperation,
  WriteOperation,
  WriteSameOperation,
} from '../iscsi/scsi/block-device.ts';
import { firstDifference } from '../iscsi/scsi/compare.ts';
import { noDataIn } from '../iscsi/scsi/task.ts';

export interface MemoryDeviceOptions {
  readonly blocks: number;
  readonly blockSizeBytes?: 512 | 4096;
  readonly chunkSizeBytes?: number;
  readonly readOnly?: boolean;
  readonly removable?: boolean;
  readonly volatileCache?: boolean;
  readonly identity?: DeviceIdentity;
  readonly poolId?: Uint8Array;
}

export const testPoolId: Uint8Array = new Uint8Array(16).fill(0x77);

export const testIdentity: DeviceIdentity = {
  naa: Uint8Array.from({ length: 16 }, (_, index) => (index === 0 ? 0x60 : index * 0x11)),
  serial: '0123456789abcdef',
  name: 'test',
};

let made = 0;

/** Of a device that is not told which: no two are the same. */
function nextIdentity(): DeviceIdentity {
  made += 1;
  const naa = testIdentity.naa.slice();
  new DataView(naa.buffer).setUint32(12, made);
  return { naa, serial: Buffer.from(naa).toString('hex'), name: `memory ${made}` };
}

/** How far one look at the provisioning goes. */
const MAX_SCAN_CHUNKS = 16_384;

const SLAB_CHUNKS = 256;

type Held = () => void;

export class MemoryDevice implements BlockDevice {
  readonly identity: DeviceIdentity;
  readonly poolId: Uint8Array;
  readonly blockSizeBytes: 512 | 4096;
  blocks: number;
  readonly chunkSizeBytes: number;
  readOnly: boolean;
  readonly removable: boolean;
  kept: KeptState = { ejected: false, sanitize: null };
  hasSnapshots = false;
  volatileCache: boolean;
  /** Operations wait until `release`. */
  holding = false;
  /** What the next operations answer, one each, instead of doing anything. */
  readonly failures: BlockError[] = [];
  flushes = 0;
  /** Chunks that were written or cleared so far. */
  changes = 0;
  /** Of the operations so far, how many asked for FUA. */
  fuaOperations = 0;
  /** A copy that fails by one of `failures` has done so many blocks. */
  blocksBeforeFailure = 0;
  /** Its points in time have ended. */
  isDeleted = false;
  /** Points in time that nobody has released, and how many there may be. */
  pointsInTime = 0;
  maxPointsInTime = Infinity;
  /** Chunks that are mapped. They are replaced, never changed while anybody has views of them. */
  #chunks = new Map<number, Uint8Array>();
  readonly #zeroes: Uint8Array;
  /** Reads that are not released, and chunks that were replaced while there was none. */
  #reading = 0;
  readonly #spare: Uint8Array[] = [];
  #slab = new Uint8Array(0);
  #slabUsed = 0;
  #held: Held[] = [];

  constructor(options: MemoryDeviceOptions) {
    this.blocks = options.blocks;
    this.blockSizeBytes = options.blockSizeBytes ?? 512;
    this.chunkSizeBytes = options.chunkSizeBytes ?? 4096;
    this.readOnly = options.readOnly ?? false;
    this.removable = options.removable ?? false;
    this.volatileCache = options.volatileCache ?? true;
    this.identity = options.identity ?? nextIdentity();
    this.poolId = options.poolId ?? testPoolId;
    this.#zeroes = new Uint8Array(this.chunkSizeBytes);
  }

  /** Of what all devices in memory share there is always as much. */
  get resources(): ProvisioningResources {
    const usedBytes = this.#chunks.size * this.chunkSizeBytes;
    return { usedBytes, availableBytes: 64 * 1024 ** 3, thresholdBytes: 6 * 1024 ** 3 };
  }

  get heldCount(): number {
    return this.#held.length;
  }

  /** Performs and completes what is held, in the order given (default: as it came). */
  release(order: readonly number[] = this.#held.map((_, index) => index)): void {
    const held = this.#held;
    this.#held = held.filter((_, index) => !order.includes(index));
    for (const index of order) held[index]?.();
  }

  /** The bytes of a range, for tests to look at. */
  peek(lba: number, blocks: number): Uint8Array {
    return Buffer.concat(this.#views(lba, blocks));
  }

  read(operation: ReadOperation): void {
    if (operation.fua) this.fuaOperations += 1;
    this.#perform(
      operation,
      (error) => {
        operation.done(error, noDataIn);
      },
      () => {
        this.#reading += 1;
        operation.done(null, {
          views: this.#views(operation.lba, operation.blocks),
          release: () => {
            this.#reading -= 1;
          },
        });
      },
    );
  }

  write(operation: WriteOperation): void {
    if (operation.fua) this.fuaOperations += 1;
    this.#change(operation, [operation], () => {
      this.#put(operation.lba * this.blockSizeBytes, operation.data);
    });
  }

  unmap(operation: UnmapOperation): void {
    this.#change(operation, operation.ranges, () => {
      for (const range of operation.ranges) this.#clear(range);
    });
  }

  writeSame(operation: WriteSameOperation): void {
    this.#change(operation, [operation], () => {
      const { lba, blocks, pattern } = operation;
      if (pattern === null) {
        this.#clear(operation);
        return;
      }
      const data = new Uint8Array(blocks * this.blockSizeBytes);
      for (let at = 0; at < data.length; at += pattern.length) data.set(pattern, at);
      this.#put(lba * this.blockSizeBytes, data);
    });
  }

  compareAndWrite(operation: CompareAndWriteOperation): void {
    if (operation.fua) this.fuaOperations += 1;
    const { lba, blocks, expected, data } = operation;
    let differsAt: number | null = null;
    const outcome = {
      get aborted() {
        return operation.aborted;
      },
      done: (error: BlockError | null) => {
        operation.done(error, differsAt);
      },
    };
    this.#change(outcome, [operation], () => {
      const difference = firstDifference(this.#views(lba, blocks), expected);
      if (difference < 0) this.#put(lba * this.blockSizeBytes, data);
      else differsAt = difference;
    });
  }

  orWrite(operation: OrWriteOperation): void {
    if (operation.fua) this.fuaOperations += 1;
    const { lba, blocks, data } = operation;
    this.#change(operation, [operation], () => {
      const merged = this.peek(lba, blocks).map((byte, index) => byte | (data[index] ?? 0));
      this.#put(lba * this.blockSizeBytes, merged);
    });
  }

  copy(operation: CopyOperation): void {
    const { source, sourceLba, lba, blocks } = operation;
    if (!(source instanceof MemoryDevice)) throw new Error('a copy within the pool');
    const copyBlocks = (count: number): void => {
      const length = count * this.blockSizeBytes;
      const from = sourceLba * source.blockSizeBytes;
      const bytes = source.peek(sourceLba, length / source.blockSizeBytes);
      if (source === this && Math.abs(from - lba * this.blockSizeBytes) < length) {
        throw new Error('a copy onto itself');
      }
      this.#put(lba * this.blockSizeBytes, bytes);
    };
    this.#perform(
      operation,
      (error) => {
        const done = error.code === 'aborted' ? 0 : Math.min(this.blocksBeforeFailure, blocks);
        copyBlocks(done);
        operation.done(error, done);
      },
      () => {
        if (lba + blocks > this.blocks) {
          operation.done({ code: 'out-of-range' }, 0);
          return;
        }
        copyBlocks(blocks);
        operation.done(null, blocks);
      },
    );
  }

  pointInTime(done: PointInTimeDone): void {
    this.#perform(
      { aborted: false },
      (error) => {
        done(error, null);
      },
      () => {
        if (this.pointsInTime >= this.maxPointsInTime) {
          done(null, null);
          return;
        }
        this.pointsInTime += 1;
        const { blocks, blockSizeBytes, chunkSizeBytes, identity, poolId } = this;
        const facts = { blocks, blockSizeBytes, chunkSizeBytes, identity, poolId };
        const device = new MemoryDevice({ ...facts, readOnly: true });
        device.#chunks = new Map(this.#chunks);
        const release = (): void => {
          this.pointsInTime -= 1;
        };
        const isOver = (): boolean => this.isDeleted;
        done(null, {
          device,
          get ended() {
            return isOver();
          },
          release,
        });
      },
    );
  }

  keep(changes: Partial<KeptState>, done: (error: BlockError | null) => void): void {
    this.#perform({ aborted: false }, done, () => {
      this.kept = { ...this.kept, ...changes };
      done(null);
    });
  }

  flush(operation: FlushOperation): void {
    this.#change(operation, [], () => {
      this.flushes += 1;
    });
  }

  provisioning(operation: ProvisioningOperation): void {
    this.#perform(
      operation,
      (error) => {
        operation.done(error, []);
      },
      () => {
        operation.done(null, this.#runs(operation.lba, operation.limit));
      },
    );
  }

  #change(
    operation: { aborted: boolean; done(error: BlockError | null): void },
    ranges: readonly BlockRange[],
    effect: () => void,
  ): void {
    this.#perform(
      operation,
      (error) => {
        operation.done(error);
      },
      () => {
        if (ranges.some(({ lba, blocks }) => lba + blocks > this.blocks)) {
          operation.done({ code: 'out-of-range' });
          return;
        }
        effect();
        operation.done(null);
      },
    );
  }

  #perform(
    operation: { aborted: boolean },
    fail: (error: BlockError) => void,
    succeed: () => void,
  ): void {
    const run = (): void => {
      const failure = this.failures.shift();
      if (operation.aborted) fail({ code: 'aborted' });
      else if (failure !== undefined) fail(failure);
      else succeed();
    };
    if (this.holding) this.#held.push(run);
    else run();
  }

  #views(lba: number, blocks: number): Uint8Array[] {
    const views: Uint8Array[] = [];
    const end = (lba + blocks) * this.blockSizeBytes;
    for (let at = lba * this.blockSizeBytes; at < end;) {
      const from = at % this.chunkSizeBytes;
      const length = Math.min(this.chunkSizeBytes - from, end - at);
      const chunk = this.#chunks.get((at - from) / this.chunkSizeBytes) ?? this.#zeroes;
      views.push(length === chunk.length ? chunk : chunk.subarray(from, from + length));
      at += length;
    }
    return views;
  }

  #put(position: number, data: Uint8Array): void {
    for (let done = 0; done < data.length;) {
      const from = (position + done) % this.chunkSizeBytes;
      const length = Math.min(this.chunkSizeBytes - from, data.length - done);
      const number = (position + done - from) / this.chunkSizeBytes;
      const piece = data.subarray(done, done + length);
      this.changes += 1;
      const old = this.#chunks.get(number);
      const chunk = this.#spare.pop() ?? this.#newChunk();
      if (length < this.chunkSizeBytes) chunk.set(old ?? this.#zeroes);
      chunk.set(piece, from);
      this.#chunks.set(number, chunk);
      // A copy of the device, made by `pointInTime`, has the old one too.
      const isAlone = this.#reading === 0 && this.pointsInTime === 0;
      if (old !== undefined && isAlone) this.#spare.push(old);
      done += length;
    }
  }

  /** Chunks that are written one after the other lie together. */
  #newChunk(): Uint8Array {
    const { chunkSizeBytes } = this;
    if (this.#slabUsed === this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_CHUNKS * chunkSizeBytes);
      this.#slabUsed = 0;
    }
    const at = this.#slabUsed;
    this.#slabUsed += chunkSizeBytes;
    return this.#slab.subarray(at, at + chunkSizeBytes);
  }

  /** Whole chunks become holes; what is left of mapped ones at the edges is zeroed. */
  #clear({ lba, blocks }: BlockRange): void {
    const end = (lba + blocks) * this.blockSizeBytes;
    for (let at = lba * this.blockSizeBytes; at < end;) {
      const from = at % this.chunkSizeBytes;
      const length = Math.min(this.chunkSizeBytes - from, end - at);
      const number = (at - from) / this.chunkSizeBytes;
      this.changes += 1;
      if (length === this.chunkSizeBytes) this.#chunks.delete(number);
      else if (this.#chunks.has(number)) this.#put(at, this.#zeroes.subarray(0, length));
      at += length;
    }
  }

  #runs(lba: number, limit: number): ProvisioningRun[] {
    const runs: ProvisioningRun[] = [];
    const blocksPerChunk = this.chunkSizeBytes / this.blockSizeBytes;
    const stop = Math.min(this.blocks, lba + MAX_SCAN_CHUNKS * blocksPerChunk);
    for (let at = lba; at < stop;) {
      const number = Math.floor(at / blocksPerChunk);
      const end = Math.min(Math.floor((number + 1) * blocksPerChunk), this.blocks);
      const mapped = this.#chunks.has(number);
      const last = runs.at(-1);
      if (last?.mapped === mapped) {
        runs[runs.length - 1] = { ...last, blocks: end - last.lba };
      } else {
        if (runs.length === limit) break;
        runs.push({ lba: at, blocks: end - at, mapped });
      }
      at = end;
    }
    return runs;
  }
}
