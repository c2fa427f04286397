import { bytes, hex, pattern, setUp } from './host.ts';

describe('VERIFY', () => {
  const forms = [
    ['10', '2F', '00 00 00 05 00 00 02 00'],
    ['12', 'AF', '00 00 00 05 00 00 00 02 00 00'],
    ['16', '8F', '00 00 00 00 00 00 00 05 00 00 00 02 00 00'],
  ] as const;
  const write = '2A 00 00 00 00 05 00 00 02 00';

  test.each(forms)(
    '(%s) with BYTCHK 01b compares every byte [SBC-3, VERIFY (10)]',
    (_, code, rest) => {
      const { host } = setUp();
      const data = pattern(1024);
      host.send(write, { dataOut: data });
      expect(host.send(`${code} 02 ${rest}`, { dataOut: data }).outcome).toBe('good');
      const different = data.slice();
      different[700] = (different[700] ?? 0) ^ 1;
      const task = host.send(`${code} 02 ${rest}`, { dataOut: different });
      expect(task.outcome).toBe('e/1d/00');
      expect(hex((task.result?.sense ?? bytes('')).subarray(0, 7))).toBe('f0000e000002bc');
    },
  );

  test.each(forms)(
    '(%s) with BYTCHK 00b takes no data and reads [SBC-3, VERIFY (10)]',
    (_, code, rest) => {
      const { host, device } = setUp();
      const task = host.send(`${code} 00 ${rest}`, { dataOut: pattern(1024) });
      expect([task.outcome, task.solicited, task.result?.dataOutBytes]).toEqual(['good', 0, 0]);
      device.failures.push({ code: 'unreadable', lba: 6 });
      expect(host.send(`${code} 00 ${rest}`).outcome).toBe('3/11/00');
    },
  );

  test.each(forms)(
    '(%s) with BYTCHK 11b takes one block for all [SBC-3, VERIFY (10)]',
    (_, code, rest) => {
      const { host } = setUp();
      const block = pattern(512);
      host.send(write, { dataOut: Buffer.concat([block, block]) });
      const same = host.send(`${code} 06 ${rest}`, { dataOut: block });
      expect([same.outcome, same.solicited]).toEqual(['good', 512]);
      const different = block.slice();
      different[511] = (different[511] ?? 0) ^ 0x80;
      expect(host.send(`${code} 06 ${rest}`, { dataOut: different }).outcome).toBe('e/1d/00');
    },
  );

  test('BYTCHK 10b and VRPROTECT are refused [SBC-3, VERIFY (10)]', () => {
    const { host } = setUp();
    expect(host.send('2F 04 00 00 00 00 00 00 01 00').fieldPointer).toBe('ca0001');
    expect(host.send('2F 20 00 00 00 00 00 00 01 00').fieldPointer).toBe('cd0001');
  });

  test('a range past the end is refused, of no blocks too', () => {
    const { host } = setUp();
    expect(host.send('2F 02 00 00 08 01 00 00 00 00').outcome).toBe('5/21/00');
    expect(host.send('2F 02 00 00 07 FF 00 00 02 00').outcome).toBe('5/21/00');
  });

  test('the device is asked for what is durable', () => {
    const { host, device } = setUp();
    host.send('2F 00 00 00 00 00 00 00 01 00');
    expect(device.fuaOperations).toBe(1);
  });
});

describe('WRITE AND VERIFY', () => {
  test.each([
    ['10', '2E 02 00 00 00 05 00 00 02 00'],
    ['12', 'AE 02 00 00 00 05 00 00 00 02 00 00'],
    ['16', '8E 02 00 00 00 00 00 00 00 05 00 00 00 02 00 00'],
  ])('(%s) writes, reads back and compares [SBC-3, WRITE AND VERIFY (10)]', (_, cdb) => {
    const { host, device } = setUp();
    const data = pattern(1024);
    expect(host.send(cdb, { dataOut: data }).outcome).toBe('good');
    expect(hex(device.peek(5, 2))).toBe(hex(data));
    expect(device.fuaOperations).toBe(2);
  });

  test('an abort between the write and the reading back ends it', () => {
    const { host, device } = setUp();
    device.holding = true;
    const task = host.send('2E 02 00 00 00 05 00 00 01 00', { dataOut: pattern(512), tag: 5 });
    device.release();
    expect(device.heldCount).toBe(1);
    host.abortTask(5);
    device.release();
    expect(task.outcome).toBe('dropped');
  });

  test('what can not be read back is said so', () => {
    const { host, device } = setUp();
    device.holding = true;
    const task = host.send('2E 00 00 00 00 05 00 00 01 00', { dataOut: pattern(512) });
    device.release();
    device.failures.push({ code: 'unreadable', lba: 5 });
    device.release();
    expect(task.outcome).toBe('3/11/00');
  });
});

describe('SYNCHRONIZE CACHE and START STOP UNIT', () => {
  const sync10 = '35 00 00 00 00 00 00 00 00 00';

  test.each([sync10, '91 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00'])(
    '%s flushes before GOOD [SBC-3, SYNCHRONIZE CACHE]',
    (cdb) => {
      const { host, device } = setUp();
      device.holding = true;
      const task = host.send(cdb);
      expect(task.outcome).toBe('pending');
      device.release();
      expect([task.outcome, device.flushes]).toEqual(['good', 1]);
    },
  );

  test('IMMED: GOOD at once, the flush comes all the same [SBC-3, SYNCHRONIZE CACHE]', () => {
    const { host, device } = setUp();
    device.holding = true;
    expect(host.send('35 02 00 00 00 00 00 00 00 00').outcome).toBe('good');
    device.release();
    expect(device.flushes).toBe(1);
  });

  test('a device is not free while such a flush runs on it', () => {
    const { host, device, target } = setUp();
    device.holding = true;
    host.send('35 02 00 00 00 00 00 00 00 00');
    let free = false;
    target.unmapLun(0, () => {
      free = true;
    });
    expect(free).toBe(false);
    device.release();
    expect(free).toBe(true);
  });

  test('a range past the end is refused; a failed flush is said', () => {
    const { host, device } = setUp();
    expect(host.send('35 00 00 00 08 00 00 00 01 00').outcome).toBe('5/21/00');
    device.failures.push({ code: 'write-failed' });
    expect(host.send(sync10).outcome).toBe('4/44/00');
  });

  test('stopping flushes and the unit stays ready', () => {
    const { host, device } = setUp();
    expect(host.send('1B 00 00 00 00 00').outcome).toBe('good');
    expect(device.flushes).toBe(1);
    expect(host.send('1B 00 00 00 01 00').outcome).toBe('good');
    expect(host.send('1B 00 00 00 04 00').outcome).toBe('good');
    expect(device.flushes).toBe(1);
    expect(host.send('00 00 00 00 00 00').outcome).toBe('good');
  });
});

describe('WRITE SAME', () => {
  const same10 = (lba: string, blocks: string, flags = '00'): string =>
    `41 ${flags} 00 00 ${lba} 00 ${blocks} 00`;

  test('writes the block to each of the range [SBC-3, WRITE SAME (10)]', () => {
    const { host, device } = setUp();
    const block = pattern(512);
    const task = host.send(same10('00 05', '00 03'), { dataOut: block });
    expect([task.outcome, task.solicited]).toEqual(['good', 512]);
    expect(hex(device.peek(4, 5))).toBe('00'.repeat(512) + hex(block).repeat(3) + '00'.repeat(512));
  });

  test('(16) with NDOB takes no data and leaves zeroes [SBC-4 WRITE SAME (16)]', () => {
    const { host, device } = setUp();
    host.send('2A 00 00 00 00 00 00 00 08 00', { dataOut: pattern(4096) });
    const task = host.send('93 01 00 00 00 00 00 00 00 00 00 00 00 08 00 00');
    expect([task.outcome, task.solicited]).toEqual(['good', 0]);
    expect(device.peek(0, 8).every((byte) => byte === 0)).toBe(true);
  });

  test('UNMAP with a block of zeroes deallocates [SBC-3, WRITE SAME and unmap]', () => {
    const { host } = setUp();
    host.send('2A 00 00 00 00 00 00 00 10 00', { dataOut: pattern(8192) });
    host.send('93 08 00 00 00 00 00 00 00 00 00 00 00 08 00 00', { dataOut: new Uint8Array(512) });
    const status = host.send('9E 12 00 00 00 00 00 00 00 00 00 00 00 18 00 00').dataIn;
    expect(hex(status.subarray(8))).toBe('0000000000000000' + '00000008' + '01000000');
  });

  test('UNMAP with other data writes them: reading must give them back [SBC-3, WRITE SAME and unmap]', () => {
    const { host, device } = setUp();
    const block = pattern(512);
    host.send(same10('00 00', '00 08', '08'), { dataOut: block });
    expect(hex(device.peek(7, 1))).toBe(hex(block));
  });

  test('no blocks, or more than MAXIMUM WRITE SAME LENGTH, are refused [SBC-3, Block Limits VPD page]', () => {
    const { host } = setUp({ blocks: 0x4001 });
    const dataOut = new Uint8Array(512);
    expect(host.send(same10('00 01', '40 00'), { dataOut }).outcome).toBe('good');
    const more = host.send(same10('00 00', '40 01'), { dataOut });
    expect([more.outcome, more.fieldPointer]).toEqual(['5/24/00', 'c00007']);
    const none = host.send(same10('00 00', '00 00'), { dataOut });
    expect([none.outcome, none.fieldPointer]).toEqual(['5/24/00', 'c00007']);
  });

  test('ANCHOR and WRPROTECT are refused (ANC_SUP 0) [SBC-3, WRITE SAME (10)]', () => {
    const { host } = setUp();
    const dataOut = new Uint8Array(512);
    expect(host.send(same10('00 00', '00 01', '18'), { dataOut }).fieldPointer).toBe('cc0001');
    expect(host.send(same10('00 00', '00 01', '20'), { dataOut }).fieldPointer).toBe('cd0001');
    expect(host.send(same10('00 00', '00 01', '01'), { dataOut }).fieldPointer).toBe('c80001');
  });

  test.each([256, 1024, 0])('%i bytes of data are not one block: refused', (length) => {
    const { host } = setUp();
    const task = host.send(same10('00 00', '00 01'), { dataOut: new Uint8Array(length).fill(1) });
    expect(task.outcome).toBe('5/0e/03');
  });

  test('beyond the end is refused', () => {
    const { host } = setUp();
    const dataOut = new Uint8Array(512);
    expect(host.send(same10('08 00', '00 01'), { dataOut }).outcome).toBe('5/21/00');
    expect(host.send(same10('07 FF', '00 02'), { dataOut }).outcome).toBe('5/21/00');
  });
});

describe('UNMAP', () => {
  const list = (...descriptors: (readonly [lba: number, blocks: number])[]): Uint8Array => {
    const data = Buffer.alloc(8 + descriptors.length * 16);
    data.writeUInt16BE(data.length - 2, 0);
    data.writeUInt16BE(data.length - 8, 2);
    descriptors.forEach(([lba, blocks], index) => {
      data.writeBigUInt64BE(BigInt(lba), 8 + index * 16);
      data.writeUInt32BE(blocks, 16 + index * 16);
    });
    return data;
  };
  const unmap = (dataOut: Uint8Array): [string, { dataOut: Uint8Array }] => [
    `42 00 00 00 00 00 00 ${dataOut.length.toString(16).padStart(4, '0')} 00`,
    { dataOut },
  ];

  test('ranges of any alignment read as zeroes; what is beside them stays [SBC-3, unmapping]', () => {
    const { host, device } = setUp();
    const data = pattern(16384);
    host.send('2A 00 00 00 00 00 00 00 20 00', { dataOut: data });
    expect(host.send(...unmap(list([3, 2], [7, 10], [8, 1]))).outcome).toBe('good');
    const expected = data.slice();
    expected.fill(0, 3 * 512, 5 * 512);
    expected.fill(0, 7 * 512, 17 * 512);
    expect(hex(device.peek(0, 32))).toBe(hex(expected));
  });

  test('GET LBA STATUS says mapped and deallocated to the block [SBC-3, GET LBA STATUS]', () => {
    const { host } = setUp({ blockSizeBytes: 4096 });
    host.send('2A 00 00 00 00 00 00 00 10 00', { dataOut: pattern(65536) });
    host.send(...unmap(list([4, 1], [6, 2])));
    const status = host.send('9E 12 00 00 00 00 00 00 00 03 00 00 00 68 00 00').dataIn;
    const descriptor = (lba: number, blocks: number, state: number): string =>
      lba.toString(16).padStart(16, '0') +
      blocks.toString(16).padStart(8, '0') +
      `0${String(state)}000000`;
    expect(hex(status)).toBe(
      '0000006400000000' +
        descriptor(3, 1, 0) +
        descriptor(4, 1, 1) +
        descriptor(5, 1, 0) +
        descriptor(6, 2, 1) +
        descriptor(8, 8, 0) +
        descriptor(16, 240, 1),
    );
  });

  test('GET LBA STATUS gives no more descriptors than fit, and one at least to count', () => {
    const { host } = setUp();
    host.send('2A 00 00 00 00 00 00 00 08 00', { dataOut: pattern(4096) });
    const one = host.send('9E 12 00 00 00 00 00 00 00 00 00 00 00 18 00 00').dataIn;
    expect(hex(one)).toBe('0000001400000000' + '0000000000000000' + '00000008' + '00000000');
    const head = host.send('9E 12 00 00 00 00 00 00 00 00 00 00 00 04 00 00').dataIn;
    expect(hex(head)).toBe('00000014');
    expect(host.send('9E 12 00 00 00 00 00 00 08 00 00 00 00 18 00 00').outcome).toBe('5/21/00');
  });

  test('no descriptors, or of no blocks, up to the very end: GOOD [SBC-3, UNMAP]', () => {
    const { host } = setUp();
    expect(host.send(...unmap(list())).outcome).toBe('good');
    expect(host.send(...unmap(list([0x800, 0]))).outcome).toBe('good');
    expect(host.send('42 00 00 00 00 00 00 00 00 00').outcome).toBe('good');
  });

  test('one descriptor past the end and nothing is unmapped [SBC-3, UNMAP]', () => {
    const { host, device } = setUp();
    host.send('2A 00 00 00 00 00 00 00 08 00', { dataOut: pattern(4096) });
    expect(host.send(...unmap(list([0, 8], [0x7ff, 2]))).outcome).toBe('5/21/00');
    expect(hex(device.peek(0, 8))).toBe(hex(pattern(4096)));
    expect(host.send(...unmap(list([0x801, 0]))).outcome).toBe('5/21/00');
  });

  test('more blocks or descriptors than the limits say are refused [SBC-3, Block Limits VPD page]', () => {
    const { host } = setUp({ blocks: 2 ** 22 });
    const half = 512 * 1024;
    expect(host.send(...unmap(list([0, half], [half, half]))).outcome).toBe('good');
    const blocks = host.send(...unmap(list([0, half], [half, half + 1])));
    expect([blocks.outcome, blocks.fieldPointer]).toEqual(['5/26/00', '800020']);
    const many = Array.from({ length: 257 }, (_, index) => [index, 1] as const);
    expect(host.send(...unmap(list(...many.slice(1)))).outcome).toBe('good');
    expect(host.send(...unmap(list(...many))).fieldPointer).toBe('800002');
  });

  test('lengths that contradict each other are PARAMETER LIST LENGTH ERROR [SBC-3, UNMAP]', () => {
    const { host } = setUp();
    const whole = list([0, 1], [1, 1]);
    expect(host.send(...unmap(whole.subarray(0, 24))).outcome).toBe('5/1a/00');
    expect(host.send(...unmap(whole.subarray(0, 7))).outcome).toBe('5/1a/00');
    const short = host.send('42 00 00 00 00 00 00 00 28 00', { dataOut: whole.subarray(0, 24) });
    expect(short.outcome).toBe('5/1a/00');
  });

  test('ANCHOR is refused (ANC_SUP 0) [SBC-3, UNMAP]', () => {
    const { host } = setUp();
    expect(host.send('42 01 00 00 00 00 00 00 00 00').fieldPointer).toBe('c80001');
  });

  test('a device without writes is not unmapped', () => {
    const { host } = setUp({ readOnly: true });
    expect(host.send(...unmap(list([0, 1]))).outcome).toBe('7/27/00');
  });
});
