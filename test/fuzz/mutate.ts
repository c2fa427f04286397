/** Damage to bytes as noise, programs with bugs and attackers do it; never in place. */
import type { Prng } from '../sim/prng.ts';

const MOST_EDITS = 6;
const NUMBERS = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff];

export function noise(random: Prng, mostBytes: number): Uint8Array {
  const bytes = new Uint8Array(random.between(0, mostBytes));
  random.fill(bytes);
  return bytes;
}

/** One to six edits; the result may be the same bytes, shorter or longer. */
export function mutate(random: Prng, bytes: Uint8Array): Uint8Array {
  let result: Uint8Array = bytes.slice();
  for (let edits = random.between(1, MOST_EDITS); edits > 0; edits--) result = edit(random, result);
  return result;
}

/** As `mutate`, at the same length. */
export function damage(random: Prng, bytes: Uint8Array): Uint8Array {
  const result = bytes.slice();
  for (let edits = random.between(1, MOST_EDITS); edits > 0; edits--) change(random, result);
  return result;
}

function edit(random: Prng, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  switch (random.below(8)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), noise(random, 32), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.between(1, 16))]);
    case 3: {
      const from = random.below(bytes.length + 1);
      const piece = bytes.subarray(from, from + random.between(1, 64));
      return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
    }
    default:
      change(random, bytes);
      return bytes;
  }
}

function change(random: Prng, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const at = random.below(bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (random.below(5)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      break;
    case 1:
      bytes[at] = random.below(256);
      break;
    case 2:
      if (at + 4 <= bytes.length) view.setUint32(at, random.pick(NUMBERS), random.chance(0.5));
      break;
    case 3:
      if (at + 4 <= bytes.length) view.setUint32(at, random.uint32(), random.chance(0.5));
      break;
    default:
      bytes.copyWithin(at, random.below(bytes.length), random.below(bytes.length + 1));
  }
}
