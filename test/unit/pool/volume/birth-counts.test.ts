import { BirthCounts } from '../../../../pool/volume/birth-counts.ts';

describe('counts by birth', () => {
  test('are handed over up to an epoch, nothing stays', () => {
    const [from, to] = [new BirthCounts(), new BirthCounts()];
    for (const birth of [1, 2, 2, 3]) from.add(birth);
    from.moveTo(to, 2);
    expect([from.after(0), to.after(0), to.after(1)]).toEqual([0, 3, 2]);
    expect(to.isExact).toBe(true);
  });

  test('of more births than are kept apart are never too low when handed over', () => {
    const [from, to] = [new BirthCounts(), new BirthCounts()];
    for (let birth = 1; birth <= 300; birth++) from.add(birth);
    expect(from.isExact).toBe(false);
    from.moveTo(to, 20);
    expect(to.after(0)).toBeGreaterThanOrEqual(20);
    expect(to.isExact).toBe(false);
  });
});
