import { RealCompute } from '../../../../src/io/compute.ts';
import {
  FRAME_HEADER_BYTES,
  MAX_FRAME_BYTES,
  RECORD_BYTES,
  decodeRecords,
  frameBytes,
  frameIsWhole,
  peekFrame,
  putCatalogueHeader,
  putDataRecord,
  putHoleRecord,
  putRunRecord,
  putStartRecord,
  runBytes,
  sealFrame,
} from '../../../../pool/log/frame.ts';
import type { FrameHeader } from '../../../../pool/log/frame.ts';

const WIDE = 0x1f_2345_6789_abcd;
const header = {
  logId: 7,
  incarnation: 9,
  sequence: WIDE,
  position: WIDE - 1,
  previousHigh: 0xaabbccdd,
  previousLow: 0x11223344,
  synced: WIDE - 2,
  lengthBytes: 0,
  metaBytes: 0,
};

interface Frame {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** A frame of these records; `write` puts them. */
function frameOf(
  compute: RealCompute,
  sizes: { records: number; data?: number },
  write: (view: DataView, at: number, bytes: Uint8Array) => void,
): Frame {
  const metaBytes = FRAME_HEADER_BYTES + sizes.records * RECORD_BYTES;
  const lengthBytes = frameBytes(metaBytes, sizes.data ?? 0);
  const bytes = new Uint8Array(lengthBytes);
  const view = new DataView(bytes.buffer);
  write(view, FRAME_HEADER_BYTES, bytes);
  const place = { bytes, view, at: 0 };
  sealFrame(compute, place, { ...header, lengthBytes, metaBytes }, new Uint32Array(2));
  return { bytes, view };
}

const peek = (bytes: Uint8Array): FrameHeader => {
  const found = peekFrame(bytes);
  if (found === null) throw new Error('no frame');
  return found;
};

describe('a journal frame', () => {
  let compute: RealCompute;
  beforeAll(async () => {
    compute = await RealCompute.load();
  });
  const hole = (view: DataView, at: number): void => {
    putHoleRecord(view, at, { volume: 3, first: WIDE, count: 5 });
  };

  test('has its header where the format says [the table of pool/log/frame.ts]', () => {
    const { bytes, view } = frameOf(compute, { records: 1 }, hole);
    expect(Buffer.from(bytes.subarray(0, 4)).toString('latin1')).toBe('SSJF');
    expect(view.getUint16(4, true)).toBe(1);
    expect(view.getUint16(6, true)).toBe(0);
    expect(view.getUint32(8, true)).toBe(7);
    expect(view.getUint32(12, true)).toBe(9);
    expect(view.getBigUint64(16, true)).toBe(BigInt(WIDE));
    expect(view.getBigUint64(24, true)).toBe(BigInt(WIDE - 1));
    expect(view.getUint32(32, true)).toBe(0xaabbccdd);
    expect(view.getUint32(36, true)).toBe(0x11223344);
    expect(view.getBigUint64(40, true)).toBe(BigInt(WIDE - 2));
    expect(view.getUint32(48, true)).toBe(96);
    expect(view.getUint32(52, true)).toBe(96);
  });

  test('carries xxh64 over header and records, its own field as zero', () => {
    const { bytes, view } = frameOf(compute, { records: 1 }, hole);
    const plain = bytes.slice(0, 96);
    plain.fill(0, 56, 64);
    const hash = new Uint32Array(2);
    compute.hash64(plain, 0x4a53, hash);
    expect([view.getUint32(56, true), view.getUint32(60, true)]).toEqual([...hash]);
  });

  test('has the fields of a data record where the format says', () => {
    const record = { volume: 3, chunkNumber: WIDE, id: 2 ** 40 - 1, log2: 20, dedupOff: true };
    const { view } = frameOf(compute, { records: 1, data: 2 ** 20 }, (it, at) => {
      putDataRecord(it, at, { ...record, fingerprintHigh: 0xfedcba98, fingerprintLow: 1 });
    });
    expect([view.getUint8(64), view.getUint8(65), view.getUint8(66)]).toEqual([1, 20, 1]);
    expect(view.getUint32(68, true)).toBe(3);
    expect(view.getBigUint64(72, true)).toBe(BigInt(WIDE));
    expect(view.getBigUint64(80, true)).toBe(2n ** 40n - 1n);
    expect([view.getUint32(88, true), view.getUint32(92, true)]).toEqual([0xfedcba98, 1]);
  });

  test('has the fields of hole, catalogue and start records where the format says', () => {
    const { view } = frameOf(compute, { records: 3 }, (it, at) => {
      hole(it, at);
      putStartRecord(it, at + 32, WIDE);
      putCatalogueHeader(it, at + 64, 0);
    });
    expect([view.getUint8(64), view.getUint8(96), view.getUint8(128)]).toEqual([2, 4, 3]);
    expect(view.getUint32(68, true)).toBe(3);
    expect(view.getBigUint64(72, true)).toBe(BigInt(WIDE));
    expect(view.getBigUint64(80, true)).toBe(5n);
    expect(view.getBigUint64(104, true)).toBe(BigInt(WIDE));
    expect(view.getUint32(132, true)).toBe(0);
  });

  test('gives its records back, each with the place of its data', () => {
    const { bytes } = frameOf(compute, { records: 3, data: 8192 + 4096 }, (it, at) => {
      const record = { volume: 1, chunkNumber: 5, id: 6, fingerprintHigh: 7, fingerprintLow: 8 };
      putDataRecord(it, at, { ...record, log2: 13, dedupOff: false });
      hole(it, at + 32);
      putDataRecord(it, at + 64, { ...record, log2: 12, dedupOff: true });
    });
    const records = decodeRecords(bytes, peek(bytes));
    expect(records?.map((it) => it.type === 'data' && it.dedupOff)).toEqual([false, false, true]);
    expect(records?.map((it) => (it.type === 'data' ? it.dataOffset : it.type))).toEqual([
      160,
      'hole',
      160 + 8192,
    ]);
  });

  test('gives the ids of a run back, and what follows it', () => {
    const ids = Float64Array.from({ length: 9 }, (_, index) =>
      index === 4 ? 0 : 2 ** 40 - 1 - index,
    );
    const { bytes } = frameOf(compute, { records: 4 }, (it, at) => {
      putRunRecord(it, at, { volume: 3, first: WIDE, count: 9, ids });
      hole(it, at + runBytes(9));
    });
    expect(runBytes(9)).toBe(96);
    expect(decodeRecords(bytes, peek(bytes))).toEqual([
      { type: 'run', volume: 3, first: WIDE, ids: [...ids] },
      { type: 'hole', volume: 3, first: WIDE, count: 5 },
    ]);
  });

  test.each([0, 7, 257])('makes no sense with a run of %d chunks in room for six', (count) => {
    const { bytes, view } = frameOf(compute, { records: 2 }, (it, at) => {
      putRunRecord(it, at, { volume: 3, first: 1, count: 6, ids: new Float64Array(6).fill(5) });
    });
    expect(decodeRecords(bytes, peek(bytes))).toHaveLength(1);
    view.setUint16(FRAME_HEADER_BYTES + 2, count, true);
    expect(decodeRecords(bytes, peek(bytes))).toBeNull();
  });

  test('gives a catalogue payload back, padded to records', () => {
    const payload = Buffer.from(JSON.stringify({ op: 'delete-volume', id: 12 }));
    const { bytes } = frameOf(compute, { records: 2 }, (it, at, all) => {
      putCatalogueHeader(it, at, payload.length);
      all.set(payload, at + 32);
    });
    expect(decodeRecords(bytes, peek(bytes))).toEqual([
      { type: 'catalogue', payload: { op: 'delete-volume', id: 12 } },
    ]);
  });

  test('is not whole with any bit of header or records flipped', () => {
    const { bytes } = frameOf(compute, { records: 1 }, hole);
    expect(frameIsWhole(compute, bytes, peek(bytes))).toBe(true);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const found = peekFrame(damaged);
      expect(found !== null && frameIsWhole(compute, damaged, found)).toBe(false);
    }
  });

  test.each([
    ['another magic', 0, 0],
    ['another version', 4, 2],
    ['a length that is not aligned', 48, 100],
    ['a length above the largest', 48, MAX_FRAME_BYTES + 32],
    ['meta data shorter than a header', 52, 32],
    ['meta data longer than itself', 52, 128],
  ])('is none with %s', (_what, offset, value) => {
    const { bytes, view } = frameOf(compute, { records: 1 }, hole);
    view.setUint32(offset, value, true);
    expect(peekFrame(bytes)).toBeNull();
  });

  test('makes no sense with a record of an unknown type', () => {
    const { bytes, view } = frameOf(compute, { records: 1 }, hole);
    view.setUint8(64, 30);
    expect(decodeRecords(bytes, peek(bytes))).toBeNull();
  });

  test('makes no sense when data or payload reach beyond it', () => {
    const data = frameOf(compute, { records: 1, data: 4096 }, (it, at) => {
      const record = { volume: 1, chunkNumber: 5, id: 6, fingerprintHigh: 7, fingerprintLow: 8 };
      putDataRecord(it, at, { ...record, log2: 13, dedupOff: false });
    });
    expect(decodeRecords(data.bytes, peek(data.bytes))).toBeNull();
    const payload = frameOf(compute, { records: 2 }, (it, at) => {
      putCatalogueHeader(it, at, 33);
    });
    expect(decodeRecords(payload.bytes, peek(payload.bytes))).toBeNull();
  });
});
