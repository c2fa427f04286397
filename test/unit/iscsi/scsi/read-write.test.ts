import { hex, pattern, setUp } from './host.ts';

describe('READ and WRITE', () => {
  test.each([
    ['6', '0A 00 00 05 02 00', '08 00 00 05 02 00'],
    ['10', '2A 00 00 00 00 05 00 00 02 00', '28 00 00 00 00 05 00 00 02 00'],
    ['12', 'AA 00 00 00 00 05 00 00 00 02 00 00', 'A8 00 00 00 00 05 00 00 00 02 00 00'],
    [
      '16',
      '8A 00 00 00 00 00 00 00 00 05 00 00 00 02 00 00',
      '88 00 00 00 00 00 00 00 00 05 00 00 00 02 00 00',
    ],
  ])('what WRITE(%s) wrote, READ gives back [SBC-3]', (_, write, read) => {
    const { host, device } = setUp();
    const data = pattern(1024);
    const written = host.send(write, { dataOut: data });
    expect(written.outcome).toBe('good');
    expect(written.result?.dataOutBytes).toBe(1024);
    expect(hex(device.peek(5, 2))).toBe(hex(data));
    const readBack = host.send(read);
    expect(hex(readBack.dataIn)).toBe(hex(data));
    expect(readBack.result?.dataInBytes).toBe(1024);
  });

  test('a TRANSFER LENGTH of 0 means 256 blocks in READ(6) and none in READ(10) [SBC-3, READ (6)]', () => {
    const { host } = setUp();
    expect(host.send('08 00 00 00 00 00').dataIn.length).toBe(256 * 512);
    expect(host.send('28 00 00 00 00 00 00 00 00 00').dataIn.length).toBe(0);
  });

  test('READ(6) takes 21 bits of LBA [SBC-3, READ (6)]', () => {
    const { host } = setUp({ blocks: 0x20_0000 });
    expect(host.send('08 1F FF FF 01 00').outcome).toBe('good');
    expect(host.send('08 3F FF FF 01 00').outcome).toBe('5/24/00');
  });

  test.each([
    ['one block past the end', '28 00 00 00 07 FF 00 00 02 00'],
    ['no block behind the end', '28 00 00 00 08 01 00 00 00 00'],
    ['an LBA that fits no disk', '88 00 80 00 00 00 00 00 00 00 00 00 00 01 00 00'],
    ['the highest LBA', '88 00 FF FF FF FF FF FF FF FF 00 00 00 01 00 00'],
    ['a write past the end', '2A 00 00 00 07 FF 00 00 02 00'],
  ])('%s is LOGICAL BLOCK ADDRESS OUT OF RANGE [SBC-3, logical blocks]', (_, cdb) => {
    const { host } = setUp();
    const task = host.send(cdb, { dataOut: new Uint8Array(1024) });
    expect(task.outcome).toBe('5/21/00');
    expect(task.solicited).toBe(0);
  });

  test('8 MiB may be asked for, and not one block more [SBC-3, Block Limits VPD page]', () => {
    const { host } = setUp({ blocks: 1 << 20 });
    const largest = host.send('28 00 00 00 00 00 00 40 00 00');
    expect(largest.result?.dataInBytes).toBe(8 * 1024 * 1024);
    const more = host.send('28 00 00 00 00 00 00 40 01 00');
    expect(more.outcome).toBe('5/24/00');
    expect(more.fieldPointer).toBe('c00007');
    expect(host.send('8A 00 00 00 00 00 00 00 00 00 00 00 40 01 00 00').fieldPointer).toBe(
      'c0000a',
    );
  });

  test('protection is refused and named to the bit [SPC-4, field pointer sense key specific data]', () => {
    const { host } = setUp();
    const read = host.send('28 20 00 00 00 00 00 00 01 00');
    expect(read.outcome).toBe('5/24/00');
    expect(read.fieldPointer).toBe('cd0001');
    const write = host.send('2A 80 00 00 00 00 00 00 01 00', { dataOut: new Uint8Array(512) });
    expect(write.fieldPointer).toBe('cf0001');
  });

  test('a set bit of the CONTROL byte is refused, NACA too [SAM-5, CONTROL byte]', () => {
    const { host } = setUp();
    expect(host.send('28 00 00 00 00 00 00 00 01 04').fieldPointer).toBe('ca0009');
  });

  test('DPO and FUA are taken, and FUA reaches the device [SBC-3, READ (10)]', () => {
    const { host, device } = setUp();
    expect(host.send('28 18 00 00 00 00 00 00 01 00').outcome).toBe('good');
    expect(device.fuaOperations).toBe(1);
    host.send('2A 08 00 00 00 00 00 00 01 00', { dataOut: new Uint8Array(512) });
    expect(device.fuaOperations).toBe(2);
    host.send('28 10 00 00 00 00 00 00 01 00');
    expect(device.fuaOperations).toBe(2);
  });

  test('4096-byte blocks move 4096 bytes each', () => {
    const { host, device } = setUp({ blockSizeBytes: 4096 });
    const data = pattern(8192);
    expect(host.send('2A 00 00 00 00 03 00 00 02 00', { dataOut: data }).solicited).toBe(8192);
    expect(hex(device.peek(3, 2))).toBe(hex(data));
  });

  test('less data than the CDB says: whole blocks are written, the rest is untouched', () => {
    const { host, device } = setUp();
    const before = pattern(1024, 9);
    host.send('2A 00 00 00 00 00 00 00 02 00', { dataOut: before });
    const short = host.send('2A 00 00 00 00 00 00 00 02 00', { dataOut: pattern(512, 3) });
    expect(short.outcome).toBe('good');
    expect(short.result?.dataOutBytes).toBe(1024);
    expect(hex(device.peek(0, 2))).toBe(hex(pattern(512, 3)) + hex(before.subarray(512)));
    const none = host.send('2A 00 00 00 00 00 00 00 01 00');
    expect(none.outcome).toBe('good');
    expect(none.result?.dataOutBytes).toBe(512);
  });

  test('data cut inside a block: INVALID FIELD IN COMMAND INFORMATION UNIT, nothing written', () => {
    const { host, device } = setUp();
    const cut = host.send('2A 00 00 00 00 00 00 00 01 00', { dataOut: pattern(200) });
    expect(cut.outcome).toBe('5/0e/03');
    expect(cut.result?.dataOutBytes).toBe(512);
    expect(device.peek(0, 1).every((byte) => byte === 0)).toBe(true);
  });

  test('a read-only device takes no write: WRITE PROTECTED, before any data [SPC-4, additional sense codes]', () => {
    const { host, device } = setUp();
    device.readOnly = true;
    const write = host.send('2A 00 00 00 00 00 00 00 01 00', { dataOut: new Uint8Array(512) });
    expect(write.outcome).toBe('7/27/00');
    expect(write.solicited).toBe(0);
    expect(host.send('28 00 00 00 00 00 00 00 01 00').outcome).toBe('good');
  });
});

describe('what the device answers becomes sense data', () => {
  const read = '28 00 00 00 00 00 00 00 08 00';
  const write = '2A 00 00 00 00 00 00 00 01 00';
  test.each([
    ['unreadable', read, '3/11/00'],
    ['not-ready', read, '2/04/01'],
    ['out-of-range', read, '5/21/00'],
    ['aborted', read, 'b/00/00'],
    ['write-failed', write, '4/44/00'],
    ['space-exhausted', write, '7/27/07'],
    ['read-only', write, '7/27/00'],
  ] as const)('%s [SPC-4, additional sense codes]', (code, cdb, outcome) => {
    const { host, device } = setUp();
    device.failures.push({ code });
    expect(host.send(cdb, { dataOut: new Uint8Array(512) }).outcome).toBe(outcome);
    expect(host.send(cdb, { dataOut: new Uint8Array(512) }).outcome).toBe('good');
  });

  test('INFORMATION is the LBA that can not be read [SBC-3, sense data INFORMATION]', () => {
    const { host, device } = setUp();
    device.failures.push({ code: 'unreadable', lba: 5 });
    expect(hex(host.send(read).result?.sense ?? new Uint8Array())).toBe(
      'f00003000000050a000000001100000000 00'.replace(' ', ''),
    );
  });
});
