/**
 * What lies on disk beside the log: segments, metadata pages, checkpoint state, disk labels. What is
 * damaged is never taken for whole, and where a checksum is right but the content is nonsense, the
 * answer is null or an error that says so.
 */
import {
  directoryOffset,
  decodeDirectory,
  SegmentDirectory,
  openRecord,
  RECORD_HEADER_BYTES,
  sealRecord,
  SEGMENT_FOOTER_BYTES,
} from '../../../pool/log/segment-format.ts';
import { unpackEntries } from '../../../pool/meta/packed-entries.ts';
import { emptyPage, openPage, pageKey, PageKind, sealPage } from '../../../pool/meta/page.ts';
import { PAGE_HEADER_WORDS, PAGE_WORDS } from '../../../pool/meta/page.ts';
import { openState, sealState } from '../../../pool/meta/state.ts';
import { readLabel } from '../../../pool/disk-label.ts';
import { PoolError } from '../../../pool/types.ts';
import { writeAll } from '../../../src/base/file-io.ts';
import type { Compute } from '../../../src/base/ports.ts';
import { RealCompute } from '../../../src/io/compute.ts';
import type { Prng } from '../../sim/prng.ts';
import { takeFingerprint } from '../../take-fingerprint.ts';
import { calmWorld } from '../../unit/pool/pool-in-world.ts';
import { damage, mutate, noise } from '../mutate.ts';
import { must, type Surface } from '../surface.ts';

const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

/** What `decode` gives, or null for a fault that it is allowed to find. */
function orFault<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof PoolError) return null;
    throw error;
  }
}

function segmentRecord(random: Prng, compute: Compute): void {
  const storedBytes = random.between(1, 4096);
  const bytes = new Uint8Array(RECORD_HEADER_BYTES + storedBytes);
  random.fill(bytes.subarray(RECORD_HEADER_BYTES));
  const place = { segment: random.between(1, 1 << 30), offset: 8 * random.below(1 << 20) };
  const record = { id: 5, storedBytes, codec: 0, log2: 12, volume: 3, chunkNumber: 9 };
  const view = new DataView(bytes.buffer);
  const fingerprinting = { compute, fingerprintSeed: random.uint32() };
  const taken = takeFingerprint(fingerprinting, bytes.subarray(RECORD_HEADER_BYTES));
  const fingerprint = random.chance(0.5) ? taken : null;
  sealRecord(compute, { bytes, view, at: 0, ...place }, record, fingerprint);
  const elsewhere = { ...place, offset: place.offset + 8 };
  must(
    openRecord(fingerprinting, bytes, elsewhere) === null,
    'a record is taken for one elsewhere',
  );
  const changed = mutate(random, bytes);
  const before = changed.slice();
  const opened = openRecord(fingerprinting, changed, place);
  must(isSame(changed, before), 'opening a record changed it');
  if (opened === null) return;
  const end = RECORD_HEADER_BYTES + opened.storedBytes;
  must(
    isSame(changed.subarray(0, end), bytes.subarray(0, end)),
    'a damaged record is taken for whole',
  );
}

function segmentDirectory(random: Prng, compute: Compute): void {
  const entries = Array.from({ length: random.below(50) }, (_, index) => ({
    id: random.uint32(),
    offset: 64 + index * 4128,
  }));
  const directory = new SegmentDirectory();
  for (const { id, offset } of entries) directory.add(id, offset);
  const bytes = directory.end(compute, 17, 4096);
  const changed = mutate(random, bytes);
  directoryOffset(changed.subarray(-SEGMENT_FOOTER_BYTES), 17);
  const decoded = decodeDirectory(compute, changed);
  must(
    decoded === null || (isSame(changed, bytes) && decoded.length === entries.length),
    'a damaged directory is taken for whole',
  );
  decodeDirectory(compute, noise(random, 200));
}

function metadataPage(random: Prng, compute: Compute): void {
  const key = pageKey(random.pick(Object.values(PageKind)), random.uint32());
  const words = emptyPage(key, { logId: 1, epoch: 1 });
  random.fill(new Uint8Array(words.buffer, 32 + random.below(4000), 64));
  const bytes = sealPage(compute, words);
  must(openPage(compute, key, bytes) !== null, 'a whole page is not taken for one');
  must(openPage(compute, key + 1, bytes) === null, 'a page is taken for another');
  const changed = mutate(random, bytes);
  must(
    openPage(compute, key, changed) === null || isSame(changed, bytes),
    'a damaged page is taken for whole',
  );
  const entryWords = random.pick([2, 4, 8]);
  unpackEntries(noise(random, 600), 0, new Uint32Array(PAGE_WORDS), PAGE_HEADER_WORDS, entryWords);
}

function checkpointState(random: Prng, compute: Compute): void {
  const bytes = sealState(compute, 'fuzz', noise(random, 300));
  const changed = mutate(random, bytes);
  const payload = orFault(() => openState(compute, 'fuzz', changed));
  must(payload === null || isSame(changed, bytes), 'damaged state is taken for whole');
}

async function diskLabel(random: Prng): Promise<void> {
  const world = calmWorld({}, {}, random.uint32());
  const disk = world.disk('disk');
  await world.until(disk.makeDirectory(''));
  const file = await world.until(disk.open('disk.json', 'create'));
  const valid = new TextEncoder().encode('{"version":2,"pool":"00ff","disk":"d1"}\n');
  const others = ['null', '[]', '7', '"1"', '{"version":{}}', '{"version":3}', ''];
  const text = new TextEncoder().encode(random.pick(others));
  const bytes = random.chance(0.2) ? text : damage(random, valid);
  await world.until(writeAll(file, bytes, 0));
  try {
    await world.until(readLabel(disk));
  } catch (error) {
    if (!(error instanceof PoolError)) throw error;
  }
}

export const diskRecordsSurface: Surface = {
  name: 'disk-records',
  share: 4,
  load: async () => {
    const compute = await RealCompute.load();
    return async (random) => {
      segmentRecord(random, compute);
      segmentDirectory(random, compute);
      metadataPage(random, compute);
      checkpointState(random, compute);
      if (random.chance(0.1)) await diskLabel(random);
    };
  },
};
