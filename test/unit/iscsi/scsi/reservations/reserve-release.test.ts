import { CONFLICT, EA, Out, threeHosts, WE, WE_RO } from './reserving-host.ts';

const RESERVE_6 = '16 00 00 00 00 00';
const RELEASE_6 = '17 00 00 00 00 00';
const RESERVE_10 = '56 00 00 00 00 00 00 00 00 00';
const RELEASE_10 = '57 00 00 00 00 00 00 00 00 00';

describe.each([
  [RESERVE_6, RELEASE_6],
  [RESERVE_10, RELEASE_10],
])('RESERVE and RELEASE [SPC-2]: %s, %s', (reserve, release) => {
  test('shut out the others but for what tells them so', () => {
    const { a, b } = threeHosts();
    expect(a.send(reserve).outcome).toBe('good');
    expect([a.send(reserve).outcome, a.write().outcome]).toEqual(['good', 'good']);
    for (const cdb of [
      reserve,
      '00 00 00 00 00 00',
      '1A 08 0A 00 FF 00',
      '5E 00 00 00 00 00 00 00 FF 00',
    ]) {
      expect(b.send(cdb).outcome).toBe(CONFLICT);
    }
    expect([b.read().outcome, b.write().outcome]).toEqual([CONFLICT, CONFLICT]);
    expect(b.send(release).outcome).toBe('good');
    for (const cdb of [
      '12 00 00 00 24 00',
      '03 00 00 00 12 00',
      'A0 00 00 00 00 00 00 00 10 00 00 00',
    ]) {
      expect(b.send(cdb).outcome).toBe('good');
    }
    expect(b.read().outcome).toBe(CONFLICT);
    expect(a.send(release).outcome).toBe('good');
    expect([b.read().outcome, b.send(reserve).outcome]).toEqual(['good', 'good']);
  });

  test.each(['logicalUnitReset', 'targetReset', 'logout', 'unmapping'] as const)(
    'a reservation ends with %s',
    (how) => {
      const { a, b, target, device } = threeHosts();
      a.send(reserve);
      if (how === 'logicalUnitReset') b.manage(how);
      else if (how === 'targetReset') target.targetReset(b.nexus, () => undefined);
      else if (how === 'logout') target.detach(a.nexus, () => undefined);
      else {
        target.unmapLun(0);
        target.mapLun(0, device);
      }
      b.settle();
      expect(b.read().outcome).toBe('good');
    },
  );

  test('a logout ends it when what ran for it has ended', () => {
    const { a, b, device, target } = threeHosts();
    a.send(reserve);
    device.holding = true;
    a.write();
    target.detach(a.nexus, () => undefined);
    expect(b.read().outcome).toBe(CONFLICT);
    device.release();
    device.holding = false;
    expect(b.read().outcome).toBe('good');
  });

  test('conflict with registrations, and PERSISTENT RESERVE with them', () => {
    const { a, b } = threeHosts();
    a.send(reserve);
    expect([a.register(1), b.register(2)]).toEqual([CONFLICT, CONFLICT]);
    a.send(release);
    expect(a.register(1)).toBe('good');
    expect([a.send(reserve).outcome, b.send(reserve).outcome]).toEqual([CONFLICT, CONFLICT]);
    expect(b.send(release).outcome).toBe(CONFLICT);
  });

  test('of a holder, or a registrant that is admitted, are GOOD and do nothing [SPC-4 §5.13.3]', () => {
    const { a, b, c } = threeHosts();
    a.register(1);
    b.register(2);
    a.reserve(1, WE);
    expect([a.send(reserve).outcome, b.send(reserve).outcome]).toEqual(['good', CONFLICT]);
    a.out(Out.preempt, { key: 1, actionKey: 1, type: WE_RO });
    b.settle();
    expect([b.send(reserve).outcome, b.send(release).outcome]).toEqual(['good', 'good']);
    expect(c.send(reserve).outcome).toBe(CONFLICT);
    expect([a.reservation(), c.read().outcome]).toEqual(['1:5', 'good']);
  });
});

test('reserved bits of RESERVE(10), as for a third party, are refused', () => {
  const { a } = threeHosts();
  expect(a.send('56 10 00 00 00 00 00 00 00 00').fieldPointer).toBe('cc0001');
  expect(a.reserve(1, EA)).toBe(CONFLICT);
});
