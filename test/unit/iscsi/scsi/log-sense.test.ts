import { LogicalUnits } from '../../../../iscsi/scsi/logical-units.ts';
import { ScsiTarget } from '../../../../iscsi/scsi/scsi-target.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';
import { MemoryDevice } from '../../../memory-device.ts';
import { bytes, hex, Host, pattern, seededBytes, setUp, type SentTask } from './host.ts';

const logSense = (host: Host, page: string, rest = '00 00 00 00 0F FF 00'): SentTask =>
  host.send(`4D 00 ${page} ${rest}`);

test('the supported pages, and those with their subpages [SPC-4, Supported Log Pages log page]', () => {
  const { host } = setUp();
  expect(hex(logSense(host, '40').dataIn)).toBe('00000007' + '0002030c0d192f');
  expect(hex(logSense(host, '40', 'FF 00 00 00 0F FF 00').dataIn)).toBe(
    '40ff0010' + '000000ff02000300' + '0c000d0019002f00',
  );
});

test('reads and writes are counted with their blocks and times [SPC-4, General Statistics and Performance]', () => {
  const clock = new ManualClock();
  const product = { vendor: 'V', product: 'P', revision: '1' };
  const target = new ScsiTarget(new LogicalUnits({ ...product, clock, random: seededBytes(1) }));
  const device = new MemoryDevice({ blocks: 2048 });
  target.mapLun(0, device);
  const host = new Host(target);
  host.settle();
  host.send('2A 00 00 00 00 05 00 00 03 00', { dataOut: pattern(1536) });
  device.holding = true;
  host.send('28 00 00 00 00 05 00 00 02 00');
  clock.advance(7);
  device.release();
  device.holding = false;
  clock.advance(5);
  const page = logSense(host, '59').dataIn;
  const eight = (value: number): string => value.toString(16).padStart(16, '0');
  expect(hex(page)).toBe(
    '9900005c' +
      ('00012240' + [1, 1, 3, 2, 7000, 0, 0, 0].map(eight).join('')) +
      ('00022208' + eight(5000)) +
      ('00032308' + '0000000600000001'),
  );
});

test('bytes and failures of reads stand in the error counters [SPC-4, error counter log pages]', () => {
  const { host, device } = setUp();
  host.send('28 00 00 00 00 05 00 00 02 00');
  device.failures.push({ code: 'unreadable', lba: 5 });
  expect(host.send('28 00 00 00 00 05 00 00 02 00').outcome).toBe('3/11/00');
  const page = logSense(host, '43', '00 00 00 05 0F FF 00').dataIn;
  expect(hex(page)).toBe('83000018' + '000522080000000000000400' + '000622080000000000000001');
});

test('PC chooses for counters: thresholds that nothing reaches, default values 0 [SPC-4, LOG SELECT]', () => {
  const { host } = setUp();
  host.send('28 00 00 00 00 05 00 00 02 00');
  const last = (page: string): string =>
    hex(logSense(host, page, '00 00 00 05 0F FF 00').dataIn.subarray(8, 16));
  expect(['03', '43', '83', 'C3'].map(last)).toEqual([
    'f'.repeat(16),
    '0000000000000400',
    'f'.repeat(16),
    '0'.repeat(16),
  ]);
});

test('available and used resources in threshold sets [SBC-4, Logical Block Provisioning log page]', () => {
  const { host } = setUp();
  host.send('2A 00 00 00 00 00 00 00 08 00', { dataOut: pattern(4096) });
  expect(hex(logSense(host, '4C').dataIn)).toBe(
    '8c000018' + '00012308' + '0000800002000000' + '00022308' + '0000000101000000',
  );
});

test('no temperature is known, no exception pending [SPC-4, Temperature, Informational Exceptions]', () => {
  const { host } = setUp();
  expect(hex(logSense(host, '4D').dataIn)).toBe('8d000006' + '00002302' + '00ff');
  expect(hex(logSense(host, '6F').dataIn)).toBe('af000008' + '00002304' + '0000ff00');
});

test('what is not there is refused by its field, and the allocation length cuts [SPC-4, LOG SENSE]', () => {
  const { host } = setUp();
  const cdb = '4D 00 43 00 00 00 00 00 FF 00';
  for (const [changed, pointer] of [
    ['4D 01 43 00 00 00 00 00 FF 00', 'c80001'],
    ['4D 02 43 00 00 00 00 00 FF 00', 'c90001'],
    ['4D 00 44 00 00 00 00 00 FF 00', 'cd0002'],
    ['4D 00 43 01 00 00 00 00 FF 00', 'c00003'],
    ['4D 00 40 01 00 00 00 00 FF 00', 'c00003'],
    ['4D 00 43 00 80 00 00 00 FF 00', 'cf0004'],
    ['4D 00 43 00 00 00 07 00 FF 00', 'c00005'],
    ['4D 00 40 00 00 00 01 00 FF 00', 'c00005'],
  ] as const) {
    const task = host.send(changed);
    expect([changed, task.outcome, task.fieldPointer]).toEqual([changed, '5/24/00', pointer]);
  }
  expect(host.send(cdb.replace('FF', '05')).dataIn).toEqual(Buffer.from(bytes('83 00 00 54 00')));
  expect(host.send(cdb.replace('FF', '00')).outcome).toBe('good');
});
