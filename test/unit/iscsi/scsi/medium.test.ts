import { commandTable } from '../../../../iscsi/scsi/command-table.ts';
import { Host, hex, setUp } from './host.ts';

const eject = '1B 00 00 00 02 00';
const load = '1B 00 00 00 03 00';
const prevent = '1E 00 00 00 01 00';
const allow = '1E 00 00 00 00 00';
const ready = '00 00 00 00 00 00';

test('RMB says that the medium can be taken out [SPC-4, standard INQUIRY data]', () => {
  expect(setUp().host.send('12 00 00 00 60 00').dataIn[1]).toBe(0);
  expect(setUp({ removable: true }).host.send('12 00 00 00 60 00').dataIn[1]).toBe(0x80);
});

describe('START STOP UNIT with LOEJ', () => {
  test('takes the medium out, what was written first being durable, and puts it back', () => {
    const { host, device } = setUp({ removable: true });
    expect(host.send(eject).outcome).toBe('good');
    expect([device.flushes, device.kept.ejected]).toEqual([1, true]);
    expect(host.send(ready).outcome).toBe('2/3a/00');
    expect(hex(host.send('03 00 00 00 FF 00').dataIn.subarray(0, 14))).toBe(
      '700002000000000a000000003a00',
    );
    expect(host.send(eject).outcome).toBe('good');
    expect(host.send('1B 00 00 00 01 00').outcome).toBe('2/3a/00');
    expect(host.send(load).outcome).toBe('good');
    expect([device.kept.ejected, host.send(ready).outcome]).toEqual([false, 'good']);
  });

  test('others learn of the load by 6/28/00 [SPC-4, NOT READY TO READY CHANGE]', () => {
    const { host, target } = setUp({ removable: true });
    const other = new Host(target, 'host-b');
    other.settle();
    host.send(eject);
    expect(other.send(ready).outcome).toBe('2/3a/00');
    host.send(load);
    expect([other.send(ready).outcome, other.send(ready).outcome]).toEqual(['6/28/00', 'good']);
  });

  test('is refused where the medium stays in; a power condition makes it nothing', () => {
    const { host } = setUp();
    expect(host.send(eject).fieldPointer).toBe('c90004');
    const removable = setUp({ removable: true });
    for (const condition of ['00 12', '02 22', '01 32', '00 72']) {
      expect(removable.host.send(`1B 01 00 ${condition} 00`).outcome).toBe('good');
    }
    for (const [condition, pointer] of [
      ['00 42', 'cf0004'],
      ['00 52', 'cf0004'],
      ['00 A2', 'cf0004'],
      ['01 B2', 'cf0004'],
      ['02 32', 'cb0003'],
      ['01 02', 'cb0003'],
    ] as const) {
      expect(removable.host.send(`1B 01 00 ${condition} 00`).fieldPointer).toBe(pointer);
    }
    expect(removable.device.kept.ejected).toBe(false);
  });

  test('a flush that fails leaves the medium in; a change that fails is said', () => {
    const { host, device } = setUp({ removable: true });
    device.failures.push({ code: 'write-failed' });
    expect([host.send(eject).outcome, device.kept.ejected]).toEqual(['4/44/00', false]);
    device.failures.push({ code: 'write-failed' });
    expect([host.send('1B 00 00 00 06 00').outcome, device.kept.ejected]).toEqual([
      '4/44/00',
      false,
    ]);
  });

  test('an abort between flush and change leaves the medium in', () => {
    const { host, device } = setUp({ removable: true });
    device.holding = true;
    const task = host.send(eject, { tag: 99 });
    host.abortTask(99);
    device.release();
    expect([task.outcome, device.heldCount, device.kept.ejected]).toEqual(['dropped', 0, false]);
  });
});

test('without a medium, what is about the unit and its initiators is answered, all else is 2/3A/00', () => {
  const { host } = setUp({ removable: true });
  host.send(eject);
  const answered = new Set<string>();
  for (const row of commandTable.rows) {
    const cdb = new Uint8Array(16);
    cdb[0] = row.opcode;
    cdb[1] = row.serviceAction ?? 0;
    if (host.send(hex(cdb)).outcome !== '2/3a/00') answered.add(row.name);
  }
  for (const name of ['READ(6)', 'WRITE(16)', 'READ CAPACITY(10)', 'UNMAP', 'PRE-FETCH(10)']) {
    expect(answered).not.toContain(name);
  }
  for (const name of ['INQUIRY', 'MODE SENSE(6)', 'REPORT LUNS', 'PREVENT ALLOW MEDIUM REMOVAL']) {
    expect(answered).toContain(name);
  }
});

describe('PREVENT ALLOW MEDIUM REMOVAL', () => {
  test('any nexus keeps the medium in, and out, for all [SPC-4, PREVENT ALLOW MEDIUM REMOVAL]', () => {
    const { host, target } = setUp({ removable: true });
    const other = new Host(target, 'host-b');
    other.settle();
    expect(host.send(prevent).outcome).toBe('good');
    expect([host.send(eject).outcome, other.send(eject).outcome]).toEqual(['5/53/02', '5/53/02']);
    other.send(prevent);
    host.send(allow);
    expect(host.send(eject).outcome).toBe('5/53/02');
    other.send(allow);
    expect(host.send(eject).outcome).toBe('good');
    host.send(prevent);
    expect(host.send(load).outcome).toBe('5/53/02');
    expect(host.send('1E 00 00 00 02 00').fieldPointer).toBe('c90004');
  });

  test.each([
    [
      'a logical unit reset',
      (host: Host) => {
        host.manage('logicalUnitReset');
      },
    ],
    [
      'a target reset',
      (host: Host) => {
        host.target.targetReset(host.nexus, () => undefined);
      },
    ],
    [
      'the loss of the nexus',
      (host: Host) => {
        host.target.detach(host.nexus, () => undefined);
        host.target.attach(host.nexus, {});
      },
    ],
  ])('%s ends the prevention [SPC-4, PREVENT ALLOW MEDIUM REMOVAL]', (_, happens) => {
    const { host } = setUp({ removable: true });
    host.send(prevent);
    happens(host);
    host.settle();
    expect(host.send(eject).outcome).toBe('good');
  });

  test('what is prevented while the cache is flushed stays in', () => {
    const { host, device } = setUp({ removable: true });
    device.holding = true;
    const task = host.send(eject);
    host.send(prevent);
    device.release();
    expect([task.outcome, device.kept.ejected]).toEqual(['5/53/02', false]);
  });
});
