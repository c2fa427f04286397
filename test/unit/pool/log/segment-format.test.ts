import { takeFingerprint } from '../../../take-fingerprint.ts';
import { RealCompute } from '../../../../src/io/compute.ts';
import type { Fingerprinting } from '../../../../pool/chunk/fingerprint.ts';
import {
  RECORD_HEADER_BYTES,
  decodeDirectory,
  directoryBytes,
  directoryOffset,
  SegmentDirectory,
  openRecord,
  putSegmentHeader,
  recordBytes,
  sealRecord,
} from '../../../../pool/log/segment-format.ts';
import type { DirectoryEntry } from '../../../../pool/log/segment-format.ts';

const place = { segment: 17, offset: 4160 };
const record = {
  id: 0xab_1234_5678,
  storedBytes: 100,
  codec: 1,
  log2: 12,
  volume: 0xfeedbeef,
  chunkNumber: 0xcd_8765_4321,
};

function directoryOf(entries: readonly DirectoryEntry[]): SegmentDirectory {
  const directory = new SegmentDirectory();
  for (const { id, offset } of entries) directory.add(id, offset);
  return directory;
}

describe('a segment', () => {
  let compute: RealCompute;
  beforeAll(async () => {
    compute = await RealCompute.load();
  });

  test('has its header where the format says [the table of pool/log/segment-format.ts]', () => {
    const bytes = new Uint8Array(64);
    putSegmentHeader(compute, bytes, { number: 2 ** 40 + 1, logId: 2, epoch: 3, incarnation: 4 });
    const view = new DataView(bytes.buffer);
    expect(Buffer.from(bytes.subarray(0, 4)).toString('latin1')).toBe('SSSG');
    expect(view.getUint16(4, true)).toBe(1);
    expect(view.getBigUint64(8, true)).toBe(2n ** 40n + 1n);
    expect([16, 20, 24].map((at) => view.getUint32(at, true))).toEqual([2, 3, 4]);
  });

  test('pads records to 8 bytes', () => {
    expect([0, 1, 8, 4096].map(recordBytes)).toEqual([32, 40, 40, 4128]);
  });

  test('ends in a directory that its footer leads to', () => {
    const entries = [
      { id: 2 ** 40 - 1, offset: 64 },
      { id: 1, offset: 4160 },
      { id: 2 ** 32, offset: 8256 },
    ];
    const bytes = directoryOf(entries).end(compute, 17, 12_352);
    expect(bytes.length).toBe(40 + 32);
    expect(bytes.length).toBe(directoryBytes(3));
    expect(directoryOffset(bytes.subarray(40), 17)).toBe(12_352);
    expect(directoryOffset(bytes.subarray(40), 18)).toBeNull();
    expect(decodeDirectory(compute, bytes)).toEqual(entries);
  });

  test('has a directory of as many records as there are', () => {
    const entries = Array.from({ length: 10_000 }, (_, index) => ({
      id: 2 ** 40 - index - 1,
      offset: 64 + index * 48,
    }));
    const directory = directoryOf(entries);
    expect(directory.records).toBe(10_000);
    const bytes = directory.end(compute, 17, 480_064);
    expect(bytes.length).toBe(directoryBytes(10_000));
    expect(decodeDirectory(compute, bytes)).toEqual(entries);
  });

  test('has no directory with a byte changed', () => {
    const bytes = directoryOf([{ id: 5, offset: 64 }]).end(compute, 17, 64);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(decodeDirectory(compute, damaged)).toBeNull();
    }
  });
});

describe.each([
  ['all of it', false],
  ['its header, xor the fingerprint of what is stored', true],
])('a record, with the checksum of %s', (_, isWithFingerprint) => {
  const fingerprintSeed = 0x1234_5678;
  let fingerprinting: Fingerprinting;
  let stored: Uint8Array;
  beforeAll(async () => {
    const compute = await RealCompute.load();
    fingerprinting = { compute, fingerprintSeed };
    stored = new Uint8Array(RECORD_HEADER_BYTES + 100).fill(0x5a, RECORD_HEADER_BYTES);
    const taken = takeFingerprint(fingerprinting, stored.subarray(RECORD_HEADER_BYTES));
    const fingerprint = isWithFingerprint ? taken : null;
    const view = new DataView(stored.buffer);
    sealRecord(compute, { bytes: stored, view, at: 0, ...place }, record, fingerprint);
  });

  test('has its fields where the format says', () => {
    const view = new DataView(stored.buffer);
    expect(view.getUint32(8, true)).toBe(100);
    expect([...stored.subarray(12, 16)]).toEqual([1, 12, isWithFingerprint ? 1 : 0, 0]);
    expect(view.getUint32(16, true)).toBe(0x12345678);
    expect(stored[20]).toBe(0xab);
    expect(stored[21]).toBe(0xcd);
    expect(view.getUint32(22, true)).toBe(0x87654321);
    expect(view.getUint32(28, true)).toBe(0xfeedbeef);
    expect(stored.subarray(32).every((byte) => byte === 0x5a)).toBe(true);
  });

  test('opens at its own place, and leaves the bytes as they were', () => {
    const before = stored.slice();
    expect(openRecord(fingerprinting, stored, place)).toEqual(record);
    expect(stored).toEqual(before);
  });

  test('opens at no other place', () => {
    expect(openRecord(fingerprinting, stored, { ...place, segment: 18 })).toBeNull();
    expect(openRecord(fingerprinting, stored, { ...place, offset: 4168 })).toBeNull();
  });

  test('does not open with a bit flipped or bytes cut off', () => {
    for (let bit = 0; bit < stored.length * 8; bit++) {
      const damaged = stored.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openRecord(fingerprinting, damaged, place)).toBeNull();
    }
    for (const length of [0, 31, 32, 131]) {
      expect(openRecord(fingerprinting, stored.subarray(0, length), place)).toBeNull();
    }
  });

  test('opens in no pool that takes other fingerprints, if it holds one', () => {
    const other = { ...fingerprinting, fingerprintSeed: fingerprintSeed + 1 };
    expect(openRecord(other, stored, place) === null).toBe(isWithFingerprint);
  });

  test('does not open with a checksum of a kind that is not known', () => {
    const unknown = stored.slice();
    unknown[14] = 2;
    expect(openRecord(fingerprinting, unknown, place)).toBeNull();
  });
});
