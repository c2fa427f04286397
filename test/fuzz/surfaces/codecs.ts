/**
 * Stored bytes of compressed chunks. Whole ones expand to what they were; damaged ones to that many
 * bytes or to null, whatever lengths they claim, and never to more.
 */
import { ChunkEncoder, expandChunk } from '../../../src/io/codecs.ts';
import { Codec } from '../../../src/base/ports.ts';
import type { Prng } from '../../sim/prng.ts';
import { mutate, noise } from '../mutate.ts';
import { must, type Surface } from '../surface.ts';

const encoder = new ChunkEncoder();
const CODECS = [Codec.lz4, Codec.zstd] as const;

/** Bytes with repetitions, as files have them. */
function compressible(random: Prng, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  const words = noise(random, 64);
  for (let at = 0; at < lengthBytes; at += words.length + 1) {
    bytes.set(words.subarray(0, lengthBytes - at), at);
    if (random.chance(0.3)) bytes[at] = random.below(256);
  }
  return bytes;
}

function one(random: Prng): void {
  const codec = random.pick(CODECS);
  const plainBytes = random.pick([4096, 4096, 65_536]);
  const bytes = compressible(random, plainBytes);
  const into = new Uint8Array(plainBytes + 1).fill(0xee, plainBytes);
  const setting = { codec, level: codec === Codec.zstd ? 3 : 0 };
  const length = encoder.encode({ bytes, setting }, into);
  must(into[plainBytes] === 0xee, 'more was written than the chunk has room for');
  if (length === 0) return;
  const stored = into.subarray(0, length);
  must(stored.length < plainBytes, 'a compressed chunk is no smaller');
  const back = expandChunk({ bytes: stored, codec, plainBytes });
  must(back !== null && Buffer.compare(back, bytes) === 0, 'a whole chunk expands to another');
  must(expandChunk({ bytes: stored, codec, plainBytes: 512 }) === null, 'more room than was given');
  const changed = random.chance(0.1) ? noise(random, 300) : mutate(random, stored);
  const other = random.chance(0.1) ? random.below(64) : random.pick(CODECS);
  const expanded = expandChunk({ bytes: changed, codec: other, plainBytes });
  must(expanded === null || expanded.length === plainBytes, 'a chunk of another length');
}

export const codecsSurface: Surface = {
  name: 'codecs',
  share: 4,
  load: () => Promise.resolve(one),
};
