import { Host, hex, newUnits, setUp } from './host.ts';
import { ScsiTarget } from '../../../../iscsi/scsi/scsi-target.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';
import { MemoryDevice } from '../../../memory-device.ts';

describe('PRE-FETCH', () => {
  test.each([
    ['10', '34 00 00 00 00 05 00 00 02 00', '34 02 00 00 00 05 03 00 02 00'],
    [
      '16',
      '90 00 00 00 00 00 00 00 00 05 00 00 00 02 00 00',
      '90 02 00 00 00 00 00 00 00 05 00 00 00 02 03 00',
    ],
  ])(
    '(%s) reads, and with IMMED reads behind GOOD [SBC-3, PRE-FETCH (10)]',
    (_, cdb, immediate) => {
      const { host, device } = setUp();
      device.holding = true;
      const waiting = host.send(cdb);
      expect([waiting.outcome, device.heldCount]).toEqual(['pending', 1]);
      device.release();
      expect([waiting.outcome, hex(waiting.dataIn)]).toEqual(['good', '']);
      expect([host.send(immediate).outcome, device.heldCount]).toEqual(['good', 1]);
      device.release();
    },
  );

  test('is done in pieces, stops at an error, and an abort ends it between two', () => {
    const { host, device } = setUp({ blocks: 3 * 2048 });
    device.holding = true;
    const failing = host.send('34 00 00 00 00 00 00 10 00 00');
    device.failures.push({ code: 'unreadable', lba: 7 });
    device.release();
    expect([failing.outcome, device.heldCount]).toEqual(['3/11/00', 0]);
    const aborted = host.send('34 00 00 00 00 00 00 10 00 00', { tag: 77 });
    host.abortTask(77);
    device.release();
    expect([aborted.outcome, device.heldCount]).toEqual(['dropped', 0]);
  });

  test('0 blocks mean up to the end; more than MAXIMUM PREFETCH LENGTH is refused', () => {
    const { host, device } = setUp({ blocks: 100_000 });
    device.holding = true;
    const toEnd = host.send('34 00 00 01 86 9F 00 00 00 00');
    expect([toEnd.outcome, device.heldCount]).toEqual(['pending', 1]);
    device.release();
    expect(toEnd.outcome).toBe('good');
    expect(host.send('34 00 00 01 86 A0 00 00 00 00').outcome).toBe('5/21/00');
    const long = host.send('90 00 00 00 00 00 00 00 00 00 00 00 40 01 00 00');
    expect([long.outcome, long.fieldPointer]).toEqual(['5/24/00', 'c0000a']);
    const limits = host.send('12 01 B0 00 40 00').dataIn;
    expect(hex(limits.subarray(16, 20))).toBe('00004000');
  });
});

describe('READ DEFECT DATA', () => {
  test('both lists are valid and empty, in each format [SBC-3, READ DEFECT DATA (10)]', () => {
    const { host } = setUp();
    expect(hex(host.send('37 00 1D 00 00 00 00 00 FF 00').dataIn)).toBe('001d0000');
    expect(hex(host.send('B7 18 00 00 00 00 00 00 00 FF 00 00').dataIn)).toBe('0018000000000000');
    expect(host.send('37 00 06 00 00 00 00 00 FF 00').fieldPointer).toBe('ca0002');
    expect(host.send('B7 07 00 00 00 00 00 00 00 FF 00 00').fieldPointer).toBe('ca0001');
  });
});

test('REPORT TIMESTAMP: the time of the machine, set outside of SCSI [SPC-4, REPORT TIMESTAMP]', () => {
  const clock = new ManualClock();
  clock.wallMs = () => 0x0123_4567_89ab;
  const target = new ScsiTarget(newUnits(64, { clock }));
  target.mapLun(0, new MemoryDevice({ blocks: 2048 }));
  const host = new Host(target);
  host.settle();
  expect(hex(host.send('A3 0F 00 00 00 00 00 00 00 FF 00 00').dataIn)).toBe(
    '000a03000123456789ab0000',
  );
});
