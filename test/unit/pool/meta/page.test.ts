import { RealCompute } from '../../../../src/io/compute.ts';
import {
  PAGE_BYTES,
  PageKind,
  emptyPage,
  openPage,
  pageKey,
  sealPage,
} from '../../../../pool/meta/page.ts';

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
    stored = sealPage(compute, words).slice();
  });

  test('has its header where the format says [the table of pool/meta/page.ts]', () => {
    const view = new DataView(stored.buffer);
    expect(stored.length).toBe(32 + 4096);
    expect(Buffer.from(stored.subarray(0, 4)).toString('latin1')).toBe('SSPG');
    expect([stored[4], stored[5], stored[6]]).toEqual([1, PageKind.chunk, 32]);
    expect([view.getUint32(8, true), view.getUint32(12, true)]).toEqual([3, 4]);
    expect(view.getBigUint64(16, true)).toBe(BigInt(key));
    expect(view.getUint32(32, true)).toBe(0xdeadbeef);
    expect(view.getUint32(32 + 4092, true)).toBe(0xcafebabe);
  });

  test('is what was sealed', () => {
    expect(openPage(compute, key, stored)?.[8]).toBe(0xdeadbeef);
  });

  test('is not taken for the page of another key', () => {
    expect(openPage(compute, key + 1, stored)).toBeNull();
    expect(openPage(compute, key - 2 ** 45, stored)).toBeNull();
  });

  test('is damaged with any byte changed, or any cut off', () => {
    for (let at = 0; at < PAGE_BYTES; at++) {
      const damaged = stored.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expect(openPage(compute, key, damaged)).toBeNull();
    }
    expect(openPage(compute, key, stored.subarray(0, PAGE_BYTES - 1))).toBeNull();
    expect(openPage(compute, key, new Uint8Array(0))).toBeNull();
  });
});
