import { BESIDE_MEMORY_BYTES, memoryLine } from '../../bench/resident-memory.ts';

const MIB = 1 << 20;
const memoryBytes = 128 * MIB;

describe('the resident memory of a member', () => {
  test('is told beside what it is allowed', () => {
    const residentBytes = memoryBytes + BESIDE_MEMORY_BYTES;
    expect(memoryLine({ member: 'small', memoryBytes, residentBytes })).toBe(
      'member small: at most 576 MiB resident, of --memory 128 MiB and 448 MiB\n',
    );
  });

  test('is marked when it is more than that', () => {
    const residentBytes = memoryBytes + BESIDE_MEMORY_BYTES + MIB;
    expect(memoryLine({ member: 'small', memoryBytes, residentBytes })).toMatch(/^! member small/);
  });
});
