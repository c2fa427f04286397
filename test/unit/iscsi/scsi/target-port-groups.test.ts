import { ScsiTarget } from '../../../../iscsi/scsi/scsi-target.ts';
import { MemoryDevice } from '../../../memory-device.ts';
import { bytes, hex, Host, newUnits } from './host.ts';

const report = (format = '0A', allocation = '00 00 01 00'): string =>
  `A3 ${format} 00 00 00 00 ${allocation} 00 00`;
const set = (lengthBytes: number): string =>
  `A4 0A 00 00 00 00 00 00 ${lengthBytes.toString(16).padStart(4, '0')} 00 00`;

/** A volume in two targets on portal groups 3, 1 and 2, and a host on a port of each target. */
function paths() {
  const units = newUnits(64, { targetPorts: () => [3, 1, 2] });
  const device = new MemoryDevice({ blocks: 2048 });
  const [first, second] = [new ScsiTarget(units), new ScsiTarget(units)];
  first.mapLun(0, device);
  second.mapLun(0, device);
  const a = new Host(first, 'host-a', {}, { portalGroupTag: 1 });
  const other = { targetName: 'iqn.2024-01.com.example:other', portalGroupTag: 3 };
  const b = new Host(second, 'host-b', {}, other);
  a.settle();
  b.settle();
  return { a, b };
}

const send = (host: Host, list: string) => {
  const dataOut = bytes(list);
  return host.send(set(dataOut.length), { dataOut });
};

const ports = '00000001' + '00000002' + '00000003';

describe('REPORT TARGET PORT GROUPS', () => {
  test('lists every target port in one group, active/optimized [SPC-4, REPORT TARGET PORT GROUPS]', () => {
    const { a } = paths();
    expect(hex(a.send(report()).dataIn)).toBe('00000014' + '0003000100000003' + ports);
  });

  test('is the same on every path', () => {
    const { a, b } = paths();
    expect(hex(b.send(report()).dataIn)).toBe(hex(a.send(report()).dataIn));
  });

  test('has an extended header when asked; a transition takes no time', () => {
    const { a } = paths();
    expect(hex(a.send(report('2A')).dataIn)).toBe(
      '00000018' + '10000000' + '0003000100000003' + ports,
    );
  });

  test('another format is refused at bit 7 of byte 1', () => {
    const { a } = paths();
    const task = a.send(report('4A'));
    expect([task.outcome, task.fieldPointer]).toEqual(['5/24/00', 'cf0001']);
  });

  test('is cut to the allocation length; the length says what there is', () => {
    const { a } = paths();
    expect(hex(a.send(report('0A', '00 00 00 04')).dataIn)).toBe('00000014');
    expect(hex(a.send(report('0A', '00 00 00 0A')).dataIn)).toBe('00000014' + '000300010000');
    expect(a.send(report('0A', '00 00 00 00')).dataIn.length).toBe(0);
  });

  test('names the ports and the group that VPD 83h names', () => {
    const { a, b } = paths();
    const page = '12 01 83 01 00 00';
    expect(hex(a.send(page).dataIn)).toContain('5194000400000001' + '5195000400000001');
    expect(hex(b.send(page).dataIn)).toContain('5194000400000003' + '5195000400000001');
  });
});

describe('SET TARGET PORT GROUPS', () => {
  test('to active/non-optimized shows, is told to the other nexuses, and everything is served', () => {
    const { a, b } = paths();
    expect(send(a, '00000000 01000001').outcome).toBe('good');
    expect([a.settle(), b.settle()]).toEqual([[], ['6/2a/06']]);
    expect(hex(b.send(report()).dataIn)).toBe('00000014' + '0103000100010003' + ports);
    expect(b.send('28 00 00 00 00 00 00 00 01 00').outcome).toBe('good');
  });

  test('to what it is changes nothing, and is told to nobody', () => {
    const { a, b } = paths();
    expect(send(a, '00000000 00000001').outcome).toBe('good');
    expect(b.settle()).toEqual([]);
    expect(hex(b.send(report()).dataIn)).toBe('00000014' + '0003000100000003' + ports);
  });

  test('outlives a logical unit reset', () => {
    const { a } = paths();
    send(a, '00000000 01000001');
    a.manage('logicalUnitReset');
    a.settle();
    expect(a.send(report()).dataIn[4]).toBe(1);
  });

  test('a list of no bytes, and a list of no descriptors, change nothing', () => {
    const { a } = paths();
    expect(a.send(set(0)).outcome).toBe('good');
    expect(send(a, '00000000').outcome).toBe('good');
  });

  test.each([
    ['standby', '00000000 02000001', '8b0004'],
    ['unavailable', '00000000 03000001', '8b0004'],
    ['logical block dependent', '00000000 04000001', '8b0004'],
    ['offline, of a port', '00000000 0e000001', '8b0004'],
    ['transitioning', '00000000 0f000001', '8b0004'],
    ['a group that is none', '00000000 01000002', '800006'],
    ['both states for one group', '00000000 01000001 00000001', '8b0008'],
    ['a reserved bit of the header', '00200000 01000001', '8d0001'],
    ['a reserved bit of the state', '00000000 41000001', '8e0004'],
    ['a reserved byte', '00000000 01010001', '880005'],
  ])('%s is refused at its field, and nothing has changed', (_what, list, pointer) => {
    const { a, b } = paths();
    const task = send(a, list);
    expect([task.outcome, task.fieldPointer]).toEqual(['5/26/00', pointer]);
    expect(b.settle()).toEqual([]);
    expect(a.send(report()).dataIn[4]).toBe(0);
  });

  test.each([3, 6, 264])(
    'a list of %i bytes is refused at its length in the CDB',
    (lengthBytes) => {
      const { a } = paths();
      const task = a.send(set(lengthBytes), { dataOut: new Uint8Array(lengthBytes) });
      expect([task.outcome, task.fieldPointer]).toEqual(['5/24/00', 'c00006']);
    },
  );

  test('a list that did not come whole is a PARAMETER LIST LENGTH ERROR', () => {
    const { a } = paths();
    expect(a.send(set(8), { dataOut: bytes('00000000') }).outcome).toBe('5/1a/00');
  });
});
