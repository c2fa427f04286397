import { bytes, hex, pattern, setUp } from './host.ts';

const cdb16 = (opcode: string, flags: string, lba: string, length: string): string =>
  `${opcode} ${flags} 00 00 00 00 00 00 00 ${lba} ${length} 00 00`;
const caw = (lba: string, blocks: string, flags = '00'): string =>
  cdb16('89', flags, lba, `00 00 00 ${blocks}`);
const both = (expected: Uint8Array, data: Uint8Array): Uint8Array =>
  Buffer.concat([expected, data]);

describe.each([512, 4096] as const)('COMPARE AND WRITE of %i-byte blocks', (blockSizeBytes) => {
  const zeroes = new Uint8Array(blockSizeBytes);

  test('writes the second half where the first is there [SBC-3, COMPARE AND WRITE command]', () => {
    const { host, device } = setUp({ blockSizeBytes });
    const data = pattern(2 * blockSizeBytes);
    const list = both(new Uint8Array(2 * blockSizeBytes), data);
    expect(host.send(caw('05', '02'), { dataOut: list }).outcome).toBe('good');
    expect(hex(device.peek(5, 2))).toBe(hex(data));
  });

  test('MISCOMPARE names the offset of the first difference, and nothing is written', () => {
    const { host, device } = setUp({ blockSizeBytes });
    const expected = new Uint8Array(2 * blockSizeBytes);
    expected[blockSizeBytes + 7] = 1;
    const task = host.send(caw('05', '02'), {
      dataOut: both(expected, pattern(2 * blockSizeBytes)),
    });
    expect(task.outcome).toBe('e/1d/00');
    const information = Buffer.from(task.result!.sense).readUInt32BE(3);
    expect([task.result!.sense[0], information]).toEqual([0xf0, blockSizeBytes + 7]);
    expect(hex(device.peek(5, 2))).toBe(hex(new Uint8Array(2 * blockSizeBytes)));
  });

  test('takes 255 blocks, as the Block Limits page says', () => {
    const { host } = setUp({ blockSizeBytes });
    expect(host.send('12 01 B0 00 FF 00').dataIn[5]).toBe(255);
    const data = pattern(255 * blockSizeBytes);
    const dataOut = both(new Uint8Array(data.length), data);
    expect(host.send(caw('00', 'FF'), { dataOut }).outcome).toBe('good');
  });

  test('with more or less than twice its blocks of data takes none', () => {
    const { host, device } = setUp({ blockSizeBytes });
    for (const count of [1, 3, 4]) {
      const task = host.send(caw('05', '01'), { dataOut: pattern(count * blockSizeBytes) });
      expect([task.outcome, task.solicited]).toEqual(['5/0e/03', 0]);
    }
    expect(hex(device.peek(5, 1))).toBe(hex(zeroes));
  });
});

describe('COMPARE AND WRITE', () => {
  test('of no blocks is GOOD, beyond the end is refused', () => {
    const { host } = setUp();
    expect(host.send(caw('05', '00')).outcome).toBe('good');
    const beyond = '89 00 00 00 00 00 00 00 07 FF 00 00 00 02 00 00';
    expect(host.send(beyond, { dataOut: new Uint8Array(2048) }).outcome).toBe('5/21/00');
  });

  test('of 256 blocks, whose length is 0 in the CDB, is refused and not GOOD', () => {
    const { host } = setUp();
    const task = host.send(caw('05', '00'), { dataOut: new Uint8Array(2 * 256 * 512) });
    expect([task.outcome, task.fieldPointer]).toEqual(['5/24/00', 'c0000d']);
  });

  test('refuses WRPROTECT and reserved bytes by bit', () => {
    const { host } = setUp();
    expect(host.send(caw('05', '01', '20')).fieldPointer).toBe('cd0001');
    expect(host.send(cdb16('89', '00', '05', '80 00 00 01')).fieldPointer).toBe('cf000a');
  });

  test('FUA asks the device for durability, and its errors are answered', () => {
    const { host, device } = setUp();
    const dataOut = new Uint8Array(1024);
    expect(host.send(caw('05', '01', '08'), { dataOut }).outcome).toBe('good');
    expect(device.fuaOperations).toBe(1);
    device.failures.push({ code: 'unreadable', lba: 5 });
    expect(host.send(caw('05', '01'), { dataOut }).outcome).toBe('3/11/00');
    device.readOnly = true;
    expect(host.send(caw('05', '01'), { dataOut }).outcome).toBe('7/27/00');
  });

  test('is aborted as a write is', () => {
    const { host, device } = setUp();
    device.holding = true;
    const task = host.send(caw('05', '01'), { dataOut: pattern(1024), tag: 77 });
    const answer = host.abortTask(77);
    expect(answer.outcome).toBe(null);
    device.release();
    expect([task.outcome, answer.outcome]).toEqual(['dropped', 'complete']);
  });
});

describe('ORWRITE(16)', () => {
  const or = (lba: string, blocks: string, flags = '00'): string =>
    cdb16('8B', flags, lba, `00 00 00 ${blocks}`);

  test('leaves what was there OR the data [SBC-3, ORWRITE (16) command]', () => {
    const { host, device } = setUp();
    host.send(or('03', '01'), { dataOut: new Uint8Array(512).fill(0xa5) });
    expect(host.send(or('03', '01'), { dataOut: new Uint8Array(512).fill(0x0f) }).outcome).toBe(
      'good',
    );
    expect(new Set(device.peek(3, 1))).toEqual(new Set([0xaf]));
  });

  test('refuses ORPROTECT, a range beyond the end, and less data than it says', () => {
    const { host, device } = setUp();
    expect(host.send(or('03', '01', 'E0')).fieldPointer).toBe('cf0001');
    const end = '8B 00 00 00 00 00 00 00 07 FF 00 00 00 02 00 00';
    expect(host.send(end, { dataOut: pattern(1024) }).outcome).toBe('5/21/00');
    expect(host.send(or('03', '02'), { dataOut: pattern(512) }).outcome).toBe('5/0e/03');
    expect(host.send(or('03', '00')).outcome).toBe('good');
    device.failures.push({ code: 'write-failed' });
    expect(host.send(or('03', '01'), { dataOut: pattern(512) }).outcome).toBe('4/44/00');
  });
});

describe('WRITE ATOMIC(16)', () => {
  const atomic = (lba: string, blocks: string, boundary = '00 00', flags = '00'): string =>
    cdb16('9C', flags, lba, `${boundary} ${blocks}`);

  test('writes any length at any alignment [SBC-4, WRITE ATOMIC (16) command]', () => {
    const { host, device } = setUp();
    const data = pattern(3 * 512);
    expect(host.send(atomic('05', '00 03', '00 00', '18'), { dataOut: data }).outcome).toBe('good');
    expect(hex(device.peek(5, 3))).toBe(hex(data));
    expect(device.fuaOperations).toBe(1);
    expect(host.send(atomic('05', '00 00')).outcome).toBe('good');
  });

  test('the Block Limits page: as long as any transfer, no alignment, granularity or boundary', () => {
    const data = Buffer.from(setUp().host.send('12 01 B0 00 FF 00').dataIn);
    const fields = [8, 44, 48, 52, 56, 60].map((at) => data.readUInt32BE(at));
    expect(fields).toEqual([16384, 16384, 0, 0, 0, 0]);
  });

  test('refuses an ATOMIC BOUNDARY, more than the maximum, and less data than it says', () => {
    const { host } = setUp();
    expect(host.send(atomic('05', '00 01', '00 04')).fieldPointer).toBe('ca000b');
    expect(host.send(atomic('05', '40 01')).fieldPointer).toBe('c0000c');
    expect(host.send(atomic('05', '00 02'), { dataOut: bytes('00'.repeat(512)) }).outcome).toBe(
      '5/0e/03',
    );
  });
});
