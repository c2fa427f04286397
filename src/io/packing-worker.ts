/** The thread that makes chunks into records (see packing.ts). */
import { parentPort } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { Codec } from '../base/ports.ts';
import type { ChunkToPack } from '../base/ports.ts';
import { packRecords } from '../../pool/log/record-batch.ts';
import { compressChunk } from './codecs.ts';
import { RealCompute } from './compute.ts';
import { ChunkWord } from './packing-messages.ts';
import type { PackingAnswer, PackingRequest } from './packing-messages.ts';
import type { Answer } from './worker-calls.ts';

const port = present(parentPort, 'runs as a worker');
const compute = await RealCompute.load();

function chunksOf({ plain, words }: PackingRequest): ChunkToPack[] {
  const chunks: ChunkToPack[] = [];
  let at = 0;
  for (let first = 0; first < words.length; first += ChunkWord.count) {
    const word = (which: number): number => words[first + which] as number;
    const length = word(ChunkWord.length);
    const codec = word(ChunkWord.codec);
    chunks.push({
      bytes: new Uint8Array(plain, at, length),
      setting: codec === Codec.raw ? null : { codec, level: word(ChunkWord.level) },
      id: word(ChunkWord.id),
      log2: word(ChunkWord.log2),
      volume: word(ChunkWord.volume),
      chunkNumber: word(ChunkWord.chunkNumber),
    });
    at += length;
  }
  return chunks;
}

port.on('message', (request: PackingRequest) => {
  const { place, plain, records } = request;
  const into = new Uint8Array(records);
  const packed = packRecords(compute, chunksOf(request), { ...place, into }, compressChunk);
  const { bytes, storedBytes, codecs } = packed;
  const value = { plain, records, recordsBytes: bytes.length, storedBytes, codecs };
  port.postMessage({ value } satisfies Answer<PackingAnswer>, [
    plain,
    records,
    storedBytes.buffer,
    codecs.buffer,
  ]);
});
