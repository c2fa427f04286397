import { bytes, hex, pattern, setUp } from './host.ts';

const ready = '00 00 00 00 00 00';
const write = '2A 00 00 00 00 05 00 00 02 00';
const short = '04 10 00 00 00 00';
const long = '04 30 00 00 00 00';

test('what was there becomes holes, with snapshots too [SBC-4, FORMAT UNIT]', () => {
  const { host, device } = setUp();
  host.send(write, { dataOut: pattern(1024) });
  device.hasSnapshots = true;
  expect(host.send('04 00 00 00 00 00').outcome).toBe('good');
  expect(device.peek(5, 2).every((byte) => byte === 0)).toBe(true);
  expect([device.blocks, device.flushes, device.kept.sanitize]).toEqual([2048, 1, null]);
  expect(hex(host.send('9E 12 00 00 00 00 00 00 00 00 00 00 00 FF 00 00').dataIn.subarray(8))).toBe(
    '00000000000000000000080001000000',
  );
  // CMPLST and the format options are about defect lists, which are empty.
  expect(host.send('04 1D 00 00 00 00', { dataOut: bytes('00 F0 00 00') }).outcome).toBe('good');
  const longHeader = bytes('00 00 00 00 00 00 00 00');
  expect(host.send(long, { dataOut: longHeader }).outcome).toBe('good');
});

test('with IMMED it goes on behind its status: 2/04/04 with progress [SBC-4, Format operations]', () => {
  const { host, device } = setUp({ blocks: 2 ** 20 });
  device.holding = true;
  const task = host.send(short, { dataOut: bytes('00 02 00 00') });
  expect(host.send(ready).outcome).toBe('2/04/04');
  device.release();
  expect([task.outcome, device.kept.sanitize?.state]).toEqual(['good', 'running']);
  device.release();
  expect(hex(host.send('03 00 00 00 FF 00').dataIn.subarray(12, 18))).toBe('040400808000');
  for (const cdb of [short, '48 02 00 00 00 00 00 00 00 00', '1B 00 00 00 01 00']) {
    expect(host.send(cdb, { dataOut: bytes('00 02 00 00') }).outcome).toBe('2/04/04');
  }
  while (device.heldCount > 0) device.release();
  expect(host.send(ready).outcome).toBe('good');
});

test('after a failure all is 3/31/00 until another FORMAT UNIT succeeds [SBC-4, Completing a format operation]', () => {
  const { host, device } = setUp();
  device.holding = true;
  const task = host.send('04 00 00 00 00 00');
  device.release();
  device.failures.push({ code: 'write-failed' });
  while (device.heldCount > 0) device.release();
  device.holding = false;
  expect([task.outcome, host.send(ready).outcome]).toEqual(['3/31/01', '3/31/00']);
  expect(host.send('48 1F 00 00 00 00 00 00 00 00').outcome).toBe('3/31/00');
  expect([host.send('04 00 00 00 00 00').outcome, host.send(ready).outcome]).toEqual([
    'good',
    'good',
  ]);
});

test('what it has not is refused by its field, and nothing is written', () => {
  const { host, device } = setUp();
  for (const [cdb, pointer] of [
    ['04 50 00 00 00 00', 'ce0001'],
    ['04 80 00 00 00 00', 'cf0001'],
    ['04 01 00 00 00 00', 'ca0001'],
    ['04 16 00 00 00 00', 'ca0001'],
    ['04 00 00 00 01 00', 'c80004'],
  ] as const) {
    expect([cdb, host.send(cdb).fieldPointer]).toEqual([cdb, pointer]);
  }
  for (const [list, pointer] of [
    ['08 00 00 00', '8b0000'],
    ['01 00 00 00', '8a0000'],
    ['00 40 00 00', '8e0001'],
    ['00 88 00 00', '8b0001'],
    ['00 04 00 00', '8a0001'],
    ['00 01 00 00', '880001'],
    ['00 00 00 08', '800002'],
    ['00 00 01 00 00 00 00 00', '880002'],
    ['00 00 00 10 00 00 00 00', '8f0003'],
    ['00 00 00 01 00 00 00 00', '8b0003'],
    ['00 00 00 00 00 00 00 04', '800004'],
  ] as const) {
    const dataOut = bytes(list);
    const task = host.send(dataOut.length === 4 ? short : long, { dataOut });
    expect([list, task.outcome, task.fieldPointer]).toEqual([list, '5/26/00', pointer]);
  }
  expect(host.send(long, { dataOut: bytes('00 00 00 00') }).outcome).toBe('5/1a/00');
  expect([device.changes, device.kept.sanitize]).toEqual([0, null]);
});
