import { RealCompute } from '../../../../src/io/compute.ts';
import { openState, sealState } from '../../../../pool/meta/state.ts';
import { PoolError } from '../../../../pool/types.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof PoolError) return error.code;
    throw error;
  }
  return 'none';
};

describe('small state beside the pages', () => {
  let compute: RealCompute;
  beforeAll(async () => {
    compute = await RealCompute.load();
  });
  const payload = Uint8Array.of(1, 2, 3, 4, 5);

  test('is what was sealed, also when it is empty', () => {
    expect([...openState(compute, 'x', sealState(compute, 'x', payload))]).toEqual([...payload]);
    expect(openState(compute, 'x', sealState(compute, 'x', new Uint8Array(0))).length).toBe(0);
  });

  test('of another version is refused as another format, and both versions are named', () => {
    const bytes = sealState(compute, 'x', payload);
    const version = new DataView(bytes.buffer).getUint32(4, true);
    new DataView(bytes.buffer).setUint32(4, version + 41, true);
    expect(codeOf(() => openState(compute, 'x', bytes))).toBe('format');
    expect(() => openState(compute, 'x', bytes)).toThrow(
      `has format ${version + 41}, this version reads ${version}`,
    );
  });

  test('is damaged with any byte of magic, checksum or payload changed, or cut off', () => {
    const bytes = sealState(compute, 'x', payload);
    for (let at = 0; at < bytes.length; at++) {
      if (at >= 4 && at < 8) continue;
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x80;
      expect(codeOf(() => openState(compute, 'x', damaged))).toBe('damaged');
    }
    expect(codeOf(() => openState(compute, 'x', bytes.subarray(0, 12)))).toBe('damaged');
    expect(codeOf(() => openState(compute, 'x', bytes.subarray(0, 20)))).toBe('damaged');
  });
});
