/** The thread that makes chunks into records and writes them (see packing.ts). */
import { parentPort } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { pageAligned } from '../base/bytes.ts';
import { writeFully } from '../base/file-io.ts';
import type { Done } from '../base/file-io.ts';
import { Codec, DiskError } from '../base/ports.ts';
import type { ChunkToPack } from '../base/ports.ts';
import { packedBytes, packRecords } from '../../pool/log/record-batch.ts';
import { ChunkEncoder } from './codecs.ts';
import { RealCompute } from './compute.ts';
import { FileWrites } from './file-writes.ts';
import { ChunkWord } from './packing-messages.ts';
import type { PackingAnswer, PackingBatch, PackingRequest } from './packing-messages.ts';
import { LoopPace } from './loop-pace.ts';
import { RealClock } from './real-clock.ts';
import { RunDelay } from './run-delay.ts';
import { SpareBuffers } from './spare-buffers.ts';
import { WaitingRests } from './waiting-rests.ts';
import type { Answer } from './worker-calls.ts';

const BUFFER_BYTES = 1024 * 1024 + 64 * 1024;
const MOST_SPARE = 8;

/** Of one batch. A disk takes as long for more as other threads take to be woken, and as another batch to be packed. */
const MOST_WAITED_BYTES = 512 * 1024;

/** A file, and where the next batch goes. */
interface Stream {
  readonly writes: FileWrites;
  readonly pace: LoopPace;
  end: number;
}

const port = present(parentPort, 'runs as a worker');
const compute = await RealCompute.load();
const encoder = new ChunkEncoder();
const ports = { clock: new RealClock(), runDelay: new RunDelay() };
const streams = new Map<number, Stream>();
const spare = new SpareBuffers({
  leastBytes: BUFFER_BYTES,
  most: MOST_SPARE,
  make: (bytes) => pageAligned(bytes).buffer,
});
/** Requests that were not answered: answers go in their order. */
const owed: { answer: PackingAnswer | undefined }[] = [];

function chunksOf({ plain, shared, words }: PackingBatch): ChunkToPack[] {
  const chunks: ChunkToPack[] = [];
  for (let first = 0; first < words.length; first += ChunkWord.count) {
    const word = (which: number): number => words[first + which] as number;
    const memory = present(shared[word(ChunkWord.memory)] ?? plain, 'a chunk lies somewhere');
    const codec = word(ChunkWord.codec);
    chunks.push({
      bytes: new Uint8Array(memory, word(ChunkWord.at), word(ChunkWord.length)),
      setting: codec === Codec.raw ? null : { codec, level: word(ChunkWord.level) },
      id: word(ChunkWord.id),
      log2: word(ChunkWord.log2),
      volume: word(ChunkWord.volume),
      chunkNumber: word(ChunkWord.chunkNumber),
      fingerprintHigh: word(ChunkWord.fingerprintHigh),
      fingerprintLow: word(ChunkWord.fingerprintLow),
    });
  }
  return chunks;
}

function streamOf({ to }: PackingBatch): Stream {
  const known = streams.get(to.stream);
  if (known !== undefined) return known;
  const pace = new LoopPace(ports, new WaitingRests());
  const stream = { writes: new FileWrites(to), pace, end: to.offset };
  streams.set(to.stream, stream);
  return stream;
}

/** Waits for the disk while that answers soon; what takes it longer goes on while other batches are packed. */
function write({ writes, pace }: Stream, bytes: Uint8Array, position: number, done: Done): void {
  if (bytes.length > MOST_WAITED_BYTES) {
    writeFully(writes, bytes, position, done);
    return;
  }
  let at = 0;
  try {
    while (at < bytes.length) {
      const beganMs = pace.begin();
      if (beganMs === null) break;
      const written = writes.writeNow(bytes.subarray(at), position + at);
      pace.ended(beganMs, written);
      if (written === 0) break;
      at += written;
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    done(error);
    return;
  }
  if (at === bytes.length) done(null);
  else writeFully(writes, bytes.subarray(at), position + at, done);
}

function packAndWrite(batch: PackingBatch, done: (answer: PackingAnswer) => void): void {
  const stream = streamOf(batch);
  const chunks = chunksOf(batch);
  const buffer = spare.take(packedBytes(chunks));
  const offset = stream.end;
  const place = { segment: batch.to.segment, offset, into: new Uint8Array(buffer) };
  const { bytes, packed } = packRecords(compute, chunks, place, encoder);
  stream.end = packed.end;
  write(stream, bytes, offset, (error) => {
    spare.keep(buffer);
    const failure = error === null ? null : { code: error.code, message: error.message };
    done({ plain: batch.plain, packed, failure });
  });
}

function buffersOf({ plain, packed }: NonNullable<PackingAnswer>): ArrayBuffer[] {
  const { offsets, storedBytes, codecs } = packed;
  const buffers = [offsets.buffer, storedBytes.buffer, codecs.buffer];
  return plain === null ? buffers : [plain, ...buffers];
}

function work(request: PackingRequest, done: (answer: PackingAnswer) => void): void {
  if (typeof request !== 'number') {
    packAndWrite(request, done);
    return;
  }
  streams.delete(request);
  done(null);
}

function sendAnswers(): void {
  for (;;) {
    const answer = owed[0]?.answer;
    if (answer === undefined) return;
    owed.shift();
    const transfer = answer === null ? [] : buffersOf(answer);
    port.postMessage({ value: answer } satisfies Answer<PackingAnswer>, transfer);
  }
}

port.on('message', (request: PackingRequest) => {
  const mine: (typeof owed)[number] = { answer: undefined };
  owed.push(mine);
  work(request, (answer) => {
    mine.answer = answer;
    sendAnswers();
  });
});
