/**
 * The log on disk. Damaged without its checksum, a frame is never taken for whole; damaged under a
 * valid checksum, it decodes to records or to null. A log with damage in it replays a part of what
 * was written, in order, and nothing else.
 */
import {
  decodeRecords,
  FRAME_HEADER_BYTES,
  frameBytes,
  frameIsWhole,
  peekFrame,
  putCatalogueHeader,
  putDataRecord,
  putHoleRecord,
  putRunRecord,
  putStartRecord,
  RECORD_BYTES,
  runBytes,
  sealFrame,
} from '../../../pool/log/frame.ts';
import type { FramePosition } from '../../../pool/log/journal.ts';
import { LogReader } from '../../../pool/log/log-reader.ts';
import { Ring } from '../../../pool/log/ring.ts';
import { roundUp } from '../../../src/base/bytes.ts';
import { RealCompute } from '../../../src/io/compute.ts';
import type { Prng } from '../../sim/prng.ts';
import { calmWorld } from '../../unit/pool/pool-in-world.ts';
import { damage } from '../mutate.ts';
import { must, type Surface } from '../surface.ts';

const LOG_ID = 7;
const FINGERPRINT_SEED = 11;
const GEOMETRY = { fileBytes: 64 << 10, files: 2 };
const MOST_FRAMES = 12;
const START: FramePosition = { position: 0, sequence: 1, previousHigh: 0, previousLow: 0 };

interface Written {
  readonly at: FramePosition;
  readonly next: FramePosition;
  readonly bytes: Uint8Array;
}

/** A frame of any records that belong into it. */
function makeFrame(random: Prng, compute: RealCompute, at: FramePosition): Written {
  const chunks = random.below(3);
  const payload = Buffer.from(JSON.stringify({ op: 'resize-volume', id: 1, sizeBytes: 1 << 20 }));
  const catalogueBytes = random.chance(0.3)
    ? RECORD_BYTES + roundUp(payload.length, RECORD_BYTES)
    : 0;
  const ids = Float64Array.from({ length: random.below(20) }, () => random.uint32() * 256);
  const idsBytes = ids.length > 0 ? runBytes(ids.length) : 0;
  const metaBytes = FRAME_HEADER_BYTES + (chunks + 2) * RECORD_BYTES + idsBytes + catalogueBytes;
  const lengthBytes = frameBytes(metaBytes, chunks * 4096);
  const bytes = new Uint8Array(lengthBytes);
  const view = new DataView(bytes.buffer);
  random.fill(bytes.subarray(metaBytes, metaBytes + chunks * 4096));
  let record = FRAME_HEADER_BYTES;
  const hash = new Uint32Array(2);
  for (let chunk = 0; chunk < chunks; chunk++, record += RECORD_BYTES) {
    const from = metaBytes + chunk * 4096;
    compute.hash64(bytes.subarray(from, from + 4096), FINGERPRINT_SEED, hash);
    const [fingerprintHigh = 0, fingerprintLow = 0] = hash;
    const place = { volume: 1, chunkNumber: random.uint32(), id: random.uint32() };
    const dedupOff = chunk % 2 === 1;
    putDataRecord(view, record, { ...place, dedupOff, log2: 12, fingerprintHigh, fingerprintLow });
  }
  if (ids.length > 0) {
    const first = random.uint32();
    putRunRecord(view, record, { volume: 1, first, count: ids.length, ids });
    record += idsBytes;
  }
  putHoleRecord(view, record, { volume: 1, first: random.uint32(), count: 5 });
  putStartRecord(view, record + RECORD_BYTES, random.uint32());
  if (catalogueBytes > 0) {
    putCatalogueHeader(view, record + 2 * RECORD_BYTES, payload.length);
    bytes.set(payload, record + 3 * RECORD_BYTES);
  }
  const { position, sequence, previousHigh, previousLow } = at;
  const place = { logId: LOG_ID, incarnation: 1, position, sequence, previousHigh, previousLow };
  const header = { ...place, synced: 0, lengthBytes, metaBytes };
  sealFrame(compute, { bytes, view, at: 0 }, header, hash);
  const next = {
    position: position + lengthBytes,
    sequence: sequence + 1,
    previousHigh: hash[0] ?? 0,
    previousLow: hash[1] ?? 0,
  };
  return { at, next, bytes };
}

function oneFrame(random: Prng, compute: RealCompute): void {
  const { bytes } = makeFrame(random, compute, START);
  const changed = damage(random, bytes);
  const header = peekFrame(changed);
  if (header === null || header.metaBytes > changed.length) return;
  const same = Buffer.compare(
    changed.subarray(0, header.metaBytes),
    bytes.subarray(0, header.metaBytes),
  );
  must(
    !frameIsWhole(compute, changed, header) || same === 0,
    'a damaged frame is taken for a whole one',
  );
  if (header.lengthBytes > changed.length) return;
  const records = decodeRecords(changed, header);
  const most = (header.metaBytes - FRAME_HEADER_BYTES) / RECORD_BYTES;
  must(records === null || records.length <= most, 'a frame has more records than room for them');
}

async function oneLog(random: Prng, compute: RealCompute): Promise<void> {
  const world = calmWorld({}, {}, random.uint32());
  const disk = world.disk('disk');
  await world.until(disk.makeDirectory(''));
  await world.until(Ring.create(disk, GEOMETRY));
  const ring = await world.until(Ring.open(disk, GEOMETRY, 'write'));
  const log = new Uint8Array(ring.capacityBytes);
  const written: Written[] = [];
  let at = START;
  for (let frames = random.between(1, MOST_FRAMES); frames > 0; frames--) {
    const frame = makeFrame(random, compute, at);
    if (frame.next.position > log.length) break;
    log.set(frame.bytes, at.position);
    written.push(frame);
    at = frame.next;
  }
  const end = at.position;
  const damaged = random.chance(0.8) ? damage(random, log.subarray(0, end)) : log.subarray(0, end);
  log.set(damaged);
  await world.until(
    new Promise((resolve) => {
      ring.write(log, 0, resolve);
    }),
  );
  const facts = { ring, compute, fingerprintSeed: FINGERPRINT_SEED, logId: LOG_ID, from: 0 };
  const reader = new LogReader(facts);
  at = START;
  for (const frame of written) {
    const read = await world.until(reader.follow(at));
    if (read === null) break;
    const metaBytes = read.header.metaBytes;
    const same = Buffer.compare(
      log.subarray(at.position, at.position + metaBytes),
      frame.bytes.subarray(0, metaBytes),
    );
    must(same === 0, `the frame at ${at.position} was read back as another`);
    at = read.next;
  }
  must((await world.until(reader.follow(at))) === null || at.position < end, 'the log has no end');
  const { first } = await world.until(reader.beyond(at.position + 32));
  must(
    first === null || written.some((frame) => frame.at.position === first.position),
    'a frame was found where none was written',
  );
}

export const journalSurface: Surface = {
  name: 'journal',
  share: 2,
  load: async () => {
    const compute = await RealCompute.load();
    return async (random) => {
      for (let frames = 20; frames > 0; frames--) oneFrame(random, compute);
      if (random.chance(0.3)) await oneLog(random, compute);
    };
  },
};
