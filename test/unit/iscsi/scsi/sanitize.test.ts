import type { LogicalUnits } from '../../../../iscsi/scsi/logical-units.ts';
import { ScsiTarget } from '../../../../iscsi/scsi/scsi-target.ts';
import type { Host } from './host.ts';
import { bytes, hex, newUnits, pattern, setUp, type SentTask } from './host.ts';

const erase = '48 02 00 00 00 00 00 00 00 00';
const eraseBehind = '48 82 00 00 00 00 00 00 00 00';
const ready = '00 00 00 00 00 00';
const write = '2A 00 00 00 00 05 00 00 02 00';

function overwrite(host: Host, list: string, flags = '01'): SentTask {
  const dataOut = bytes(list);
  const length = dataOut.length.toString(16).padStart(4, '0');
  return host.send(`48 ${flags} 00 00 00 00 00 ${length} 00`, { dataOut });
}

test('BLOCK ERASE leaves holes, durable, and the unit ready [SBC-3, SANITIZE]', () => {
  const { host, device } = setUp();
  host.send(write, { dataOut: pattern(1024) });
  expect(host.send(erase).outcome).toBe('good');
  expect(device.peek(5, 2).every((byte) => byte === 0)).toBe(true);
  expect([device.flushes, device.kept.sanitize]).toEqual([1, null]);
  expect(hex(host.send('9E 12 00 00 00 00 00 00 00 00 00 00 00 FF 00 00').dataIn.subarray(8))).toBe(
    '00000000000000000000080001000000',
  );
});

test('OVERWRITE repeats the pattern in each block; so does the last pass with INVERT [SBC-5 §5.30.2.2]', () => {
  const { host, device } = setUp();
  expect(overwrite(host, '01 00 00 03 aabbcc').outcome).toBe('good');
  const block = device.peek(2047, 1);
  expect([hex(block.subarray(0, 4)), block[511]]).toEqual(['aabbccaa', 0xbb]);
  // The passes of 2 are the inversion and the pattern, those of 3 the pattern, its inversion, and it again.
  for (const count of ['82', '83']) {
    expect(overwrite(host, '01 00 00 01 00').outcome).toBe('good');
    expect(overwrite(host, `${count} 00 00 01 aa`).outcome).toBe('good');
    expect(device.peek(0, 1)[0]).toBe(0xaa);
  }
});

test('bad lists are named to the byte, and nothing is written', () => {
  const { host, device } = setUp();
  for (const [list, pointer] of [
    ['00 00 00 01 aa', '8c0000'],
    ['21 00 00 01 aa', '8e0000'],
    ['01 02 00 01 aa', '890001'],
    ['01 00 00 00 aa', '800002'],
    ['01 00 00 02 aa', '800002'],
    ['01 00 00 00', 'c00007'],
  ] as const) {
    expect([list, overwrite(host, list).fieldPointer]).toEqual([list, pointer]);
  }
  expect(host.send('48 02 00 00 00 00 00 00 08 00', { dataOut: pattern(8) }).fieldPointer).toBe(
    'c00007',
  );
  expect(host.send('48 03 00 00 00 00 00 00 00 00').fieldPointer).toBe('cc0001');
  expect(host.send('48 1F 00 00 00 00 00 00 00 00').outcome).toBe('good');
  device.hasSnapshots = true;
  expect(host.send(erase).outcome).toBe('5/2c/00');
  expect(device.kept.sanitize).toBeNull();
});

test('while it runs the unit is 2/04/1B with progress, and tells only what it is', () => {
  const { host, device } = setUp({ blocks: 3 * 2048 });
  device.holding = true;
  const before = host.send(write, { dataOut: pattern(1024), withhold: true });
  const reading = host.send('28 00 00 00 00 00 00 00 01 00');
  const task = host.send('48 81 00 00 00 00 00 00 05 00', { dataOut: bytes('01 00 00 01 aa') });
  expect(host.send(ready).outcome).toBe('2/04/1b');
  device.release([1]);
  expect([task.outcome, device.kept.sanitize?.state, device.heldCount]).toEqual([
    'good',
    'running',
    1,
  ]);
  // It begins when what the device was at work for has ended; data that come late are not written.
  before.deliver();
  expect(before.outcome).toBe('2/04/1b');
  device.release();
  expect(reading.outcome).toBe('good');
  device.release();
  const sense = host.send('03 00 00 00 FF 00').dataIn;
  expect(hex(sense.subarray(12, 18))).toBe('041b' + '00' + '805555');
  for (const cdb of [erase, '1B 00 00 00 01 00', '28 00 00 00 00 00 00 00 01 00']) {
    expect(host.send(cdb).outcome).toBe('2/04/1b');
  }
  expect(host.send('12 00 00 00 60 00').outcome).toBe('good');
  host.manage('logicalUnitReset');
  expect(host.settle()).toEqual(['6/29/03']);
  expect(host.send(ready).outcome).toBe('2/04/1b');
  while (device.heldCount > 0) device.release();
  expect(host.send(ready).outcome).toBe('good');
  expect(device.peek(0, 3 * 2048).every((byte) => byte === 0xaa)).toBe(true);
});

test('an abort takes the command away, not the operation [SBC-3, Sanitize operations]', () => {
  const { host, device } = setUp();
  host.send(write, { dataOut: pattern(1024) });
  device.holding = true;
  const task = host.send(erase, { tag: 50 });
  const answer = host.abortTask(50);
  expect([task.outcome, answer.outcome]).toEqual(['dropped', 'complete']);
  while (device.heldCount > 0) device.release();
  expect([device.kept.sanitize, device.peek(5, 1)[1]]).toEqual([null, 0]);
});

test('a failure is 3/31/03 until another one succeeds, or is left if AUSE allowed that', () => {
  const { host, device } = setUp();
  device.holding = true;
  const task = host.send(erase);
  device.release();
  device.failures.push({ code: 'write-failed' });
  while (device.heldCount > 0) device.release();
  device.holding = false;
  expect([task.outcome, host.send(ready).outcome]).toEqual(['3/31/03', '3/31/03']);
  expect(host.send('48 1F 00 00 00 00 00 00 00 00').fieldPointer).toBe('cc0001');
  expect(host.send('48 22 00 00 00 00 00 00 00 00').fieldPointer).toBe('cd0001');
  expect([host.send(ready).outcome, device.changes]).toEqual(['3/31/03', 0]);
  expect([host.send(erase).outcome, host.send(ready).outcome]).toEqual(['good', 'good']);
  device.kept = {
    ejected: false,
    sanitize: { kind: 'sanitize', state: 'failed', unrestrictedExit: true, pattern: null },
  };
  expect(host.send('28 00 00 00 00 00 00 00 01 00').outcome).toBe('3/31/03');
  expect(host.send('48 1F 00 00 00 00 00 00 00 00').outcome).toBe('good');
  expect(host.send(ready).outcome).toBe('good');
});

test('a snapshot that came meanwhile makes it fail: what was there can be read from it', () => {
  const { host, device } = setUp();
  device.holding = true;
  host.send(eraseBehind);
  device.hasSnapshots = true;
  while (device.heldCount > 0) device.release();
  expect(host.send(ready).outcome).toBe('3/31/03');
});

test('after a restart, and when its last LUN was away, it is done all over', () => {
  const { host, device, target } = setUp();
  host.send(write, { dataOut: pattern(1024) });
  device.holding = true;
  host.send(eraseBehind);
  device.release();
  let isUnmapped = false;
  target.unmapLun(0, () => {
    isUnmapped = true;
  });
  device.release();
  expect([isUnmapped, device.heldCount, device.kept.sanitize?.state]).toEqual([true, 0, 'running']);
  device.holding = false;
  host.send(ready);
  const units: LogicalUnits = newUnits();
  const again = new ScsiTarget(units);
  again.mapLun(0, device);
  expect([device.kept.sanitize, device.peek(5, 1)[1]]).toEqual([null, 0]);
});

describe('what is answered while a unit is out of use', () => {
  const modeSense = (page: string): string => `1A 00 ${page} 00 FF 00`;
  const always = ['03 00 00 00 12 00', '12 00 00 00 24 00', 'A0 00 00 00 00 00 00 00 10 00 00 00'];
  const duringSanitize = [
    '25 00 00 00 00 00 00 00 00 00',
    '9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00',
    ...['08', '0A', '1C'].map(modeSense),
    '5A 00 08 00 00 00 00 00 FF 00',
    '4D 00 4D 00 00 00 00 00 FF 00',
    'A3 0C 00 00 00 00 00 00 00 FF 00 00',
    'A3 0D 00 00 00 00 00 00 00 FF 00 00',
  ];
  const aboutTheUnit = ['5E 00 00 00 00 00 00 00 FF 00', 'A3 0A 00 00 00 00 00 00 00 FF 00 00'];
  const never = [
    ...[
      ready,
      write,
      '28 00 00 00 00 00 00 00 01 00',
      '9E 12 00 00 00 00 00 00 00 00 00 00 00 FF 00 00',
    ],
  ];
  const others = ['3F', '01'].map(modeSense).concat('4D 00 42 00 00 00 00 00 FF 00');

  test.each([
    ['a sanitize operation [SBC-5 §4.11.2]', 'sanitize', 'running', '2/04/1b'],
    ['one that failed [SBC-5 §4.11.4]', 'sanitize', 'failed', '3/31/03'],
    ['a format operation [SBC-5 §4.33.2]', 'format', 'running', '2/04/04'],
    [
      'one that failed: all but what is about blocks [SBC-5 §4.33.3.1]',
      'format',
      'failed',
      '3/31/00',
    ],
  ] as const)('%s', (_, kind, state, refusal) => {
    const { host, device } = setUp();
    device.kept = {
      ejected: false,
      sanitize: { kind, state, unrestrictedExit: false, pattern: null },
    };
    const isCorrupt = kind === 'format' && state === 'failed';
    const answered = (cdbs: readonly string[]): boolean[] =>
      cdbs.map((cdb) => {
        const { outcome } = host.send(cdb, { dataOut: new Uint8Array(1024) });
        expect(['good', refusal]).toContain(outcome);
        return outcome === 'good';
      });
    const all = (cdbs: readonly string[], are: boolean): boolean[] => cdbs.map(() => are);
    expect(answered(always)).toEqual(all(always, true));
    expect(answered(duringSanitize)).toEqual(all(duringSanitize, kind === 'sanitize' || isCorrupt));
    expect(answered(aboutTheUnit)).toEqual(all(aboutTheUnit, isCorrupt));
    expect(answered(others)).toEqual(all(others, isCorrupt));
    expect(answered(never)).toEqual(all(never, false));
    expect(device.changes).toBe(0);
  });
});
