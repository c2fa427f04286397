import { RealCompute } from '../../../../src/io/compute.ts';
import { PageKind, emptyPage, openPage, pageKey, sealPage } from '../../../../pool/meta/page.ts';

const key = pageKey(PageKind.chunk, 63 * 2 ** 27 + 5);
const owner = { logId: 3, epoch: 4 };

describe('a metadata page', () => {
  let compute: RealCompute;
  let stored: Uint8Array;
  beforeAll(async () => {
    compute = await RealCompute.load();
    const words = emptyPage(key, owner);
    words[8] = 0xdeadbeef;
    words[1031] = 0xcafebabe;
    stored = sealPage(compute, words);
  });

  test('has its header where the format says [the table of pool/meta/page.ts]', () => {
    const view = new DataView(stored.buffer);
    // 128 entries; of 32 columns the first four and the last four differ.
    expect(stored.length).toBe(32 + 2 + 4 + 8 * 128 + 24);
    expect(Buffer.from(stored.subarray(0, 4)).toString('latin1')).toBe('SSPG');
    expect([stored[4], stored[5], stored[6]]).toEqual([1, PageKind.chunk, 32]);
    expect([view.getUint32(8, true), view.getUint32(12, true)]).toEqual([3, 4]);
    expect(view.getBigUint64(16, true)).toBe(BigInt(key));
    expect([...stored.subarray(32, 38)]).toEqual([128, 0, 0x0f, 0, 0, 0xf0]);
    expect([0, 1, 2, 3].map((column) => stored[38 + column * 128])).toEqual([
      0xef, 0xbe, 0xad, 0xde,
    ]);
    expect(stored.at(-1)).toBe(0xca);
  });

  test('is what was sealed', () => {
    const opened = openPage(compute, key, stored);
    expect([opened?.[8], opened?.[1031]]).toEqual([0xdeadbeef, 0xcafebabe]);
  });

  test('with nothing in it is stored in 70 bytes and a byte for each column', () => {
    const empty = sealPage(compute, emptyPage(key, owner));
    expect(empty.length).toBe(32 + 2 + 4 + 32);
    expect(openPage(compute, key, empty)).toEqual(emptyPage(key, owner));
  });

  test('is not taken for the page of another key', () => {
    expect(openPage(compute, key + 1, stored)).toBeNull();
    expect(openPage(compute, key - 2 ** 45, stored)).toBeNull();
  });

  test('is damaged with any byte changed, or any cut off', () => {
    for (let at = 0; at < stored.length; at++) {
      const damaged = stored.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expect(openPage(compute, key, damaged)).toBeNull();
    }
    expect(openPage(compute, key, stored.subarray(0, -1))).toBeNull();
    expect(openPage(compute, key, new Uint8Array(0))).toBeNull();
  });
});
