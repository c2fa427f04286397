import { bytes, Host, hex, setUp } from './host.ts';

/** The Control page is 12 bytes. */
const controlPage = (dSense: boolean, swp: boolean): string =>
  ['0a0a', dSense ? '04' : '00', '10', swp ? '08' : '00', '000000', 'ffff', '0000'].join('');

function select6(host: Host, list: string, flags = '10'): ReturnType<Host['send']> {
  const dataOut = bytes(list);
  const length = dataOut.length.toString(16).padStart(2, '0');
  return host.send(`15 ${flags} 00 00 ${length} 00`, { dataOut });
}

describe('MODE SENSE', () => {
  test('(6) with all pages, ascending, behind a short block descriptor [SPC-4, MODE SENSE (6)]', () => {
    const { host } = setUp();
    expect(hex(host.send('1A 00 3F 00 FF 00').dataIn)).toBe(
      [
        '6b001008',
        '0000080000000200',
        '010ac00000000080 00000000'.replace(' ', ''),
        '081204' + '00'.repeat(9) + '20' + '00'.repeat(7),
        controlPage(false, false),
        '1a26' + '00'.repeat(38),
        '1c0a08' + '00'.repeat(9),
      ].join(''),
    );
  });

  test('(10) with a long block descriptor when LLBAA allows it [SBC-3, mode parameter block descriptors]', () => {
    const { host } = setUp({ blocks: 2 ** 33 });
    expect(hex(host.send('5A 10 0A 00 00 00 00 00 FF 00').dataIn)).toBe(
      '0022001001000010' + '0000000200000000' + '00000000' + '00000200' + controlPage(false, false),
    );
    expect(hex(host.send('5A 00 0A 00 00 00 00 00 FF 00').dataIn)).toBe(
      '001a001000000008' + 'ffffffff00000200' + controlPage(false, false),
    );
  });

  test('DBD leaves the block descriptor out [SPC-4, MODE SENSE (6)]', () => {
    const { host } = setUp();
    expect(hex(host.send('1A 08 0A 00 FF 00').dataIn)).toBe('0f001000' + controlPage(false, false));
  });

  test('changeable values show D_SENSE and SWP alone [SPC-4, MODE SENSE changeable values]', () => {
    const { host } = setUp();
    expect(hex(host.send('1A 08 4A 00 FF 00').dataIn.subarray(4))).toBe('0a0a04000800000000000000');
    expect(hex(host.send('1A 08 48 00 FF 00').dataIn.subarray(4))).toBe('0812' + '00'.repeat(18));
  });

  test('default values stay when current ones change [SPC-4, MODE SENSE default values]', () => {
    const { host } = setUp();
    expect(select6(host, '00000000' + controlPage(false, true)).outcome).toBe('good');
    expect(hex(host.send('1A 08 0A 00 FF 00').dataIn.subarray(4))).toBe(controlPage(false, true));
    expect(hex(host.send('1A 08 8A 00 FF 00').dataIn.subarray(4))).toBe(controlPage(false, false));
  });

  test('Control Extension is a subpage: TCMOS and IALUAE [SPC-4, Control Extension mode page]', () => {
    const { host } = setUp();
    const page = '4a01001c' + '05' + '00'.repeat(27);
    expect(hex(host.send('1A 08 0A 01 FF 00').dataIn.subarray(4))).toBe(page);
    expect(hex(host.send('1A 08 0A FF FF 00').dataIn.subarray(4))).toBe(
      controlPage(false, false) + page,
    );
    expect(select6(host, '00000000' + page).outcome).toBe('good');
    const changed = select6(host, '00000000' + page.replace('1c05', '1c04'));
    expect([changed.outcome, changed.fieldPointer]).toEqual(['5/26/00', '880008']);
    expect(select6(host, '00000000' + page.replace('4a01', '4a02')).fieldPointer).toBe('800005');
    expect(select6(host, '00000000' + page.replace('001c', '001d')).fieldPointer).toBe('800006');
  });

  test('saved values: SAVING PARAMETERS NOT SUPPORTED [SPC-4, MODE SENSE saved values]', () => {
    const { host } = setUp();
    expect(host.send('1A 00 CA 00 FF 00').outcome).toBe('5/39/00');
  });

  test('WCE is clear where GOOD is durable [SBC-3, Caching mode page]', () => {
    const { host } = setUp({ volatileCache: false });
    expect(hex(host.send('1A 08 08 00 FF 00').dataIn.subarray(4, 7))).toBe('081200');
  });

  test('WP is set on a device that takes no writes [SBC-3, device-specific parameter]', () => {
    const { host } = setUp({ readOnly: true });
    expect(host.send('1A 08 0A 00 FF 00').dataIn[2]).toBe(0x90);
  });

  test('pages and subpages that are none are refused [SPC-4, MODE SENSE (6)]', () => {
    const { host } = setUp();
    expect(host.send('1A 00 02 00 FF 00').fieldPointer).toBe('cd0002');
    expect(host.send('1A 00 0A 02 FF 00').fieldPointer).toBe('c00003');
    expect(host.send('1A 00 3F 01 FF 00').fieldPointer).toBe('c00003');
    expect(host.send('1A 00 3F FF FF 00').outcome).toBe('good');
    expect(host.send('1A 00 0A FF FF 00').outcome).toBe('good');
  });
});

describe('MODE SELECT', () => {
  test('SWP protects: SOFTWARE WRITE PROTECTED, WP set, reads go on [SPC-4, Control mode page]', () => {
    const { host } = setUp();
    expect(select6(host, '00000000' + controlPage(false, true)).outcome).toBe('good');
    const write = host.send('2A 00 00 00 00 00 00 00 01 00', { dataOut: new Uint8Array(512) });
    expect(write.outcome).toBe('7/27/02');
    expect(host.send('28 00 00 00 00 00 00 00 01 00').outcome).toBe('good');
    expect(host.send('1A 08 0A 00 FF 00').dataIn[2]).toBe(0x90);
  });

  test('D_SENSE turns sense data to descriptor format [SPC-4, descriptor format sense data]', () => {
    const { host, device } = setUp();
    select6(host, '00000000' + controlPage(true, false));
    const pointer = host.send('28 20 00 00 00 00 00 00 01 00');
    expect(hex(pointer.result?.sense ?? new Uint8Array())).toBe(
      '7205240000000008' + '02060000' + 'cd000100',
    );
    device.failures.push({ code: 'unreadable', lba: 0x1_2345_6789 });
    const unreadable = host.send('28 00 00 00 00 00 00 00 01 00');
    expect(hex(unreadable.result?.sense ?? new Uint8Array())).toBe(
      '720311000000000c' + '000a8000' + '0000000123456789',
    );
  });

  test('others are told that mode parameters changed, once, and not of no change', () => {
    const { host, target } = setUp();
    const other = new Host(target, 'host-b');
    other.settle();
    select6(host, '00000000' + controlPage(false, false));
    expect(other.settle()).toEqual([]);
    select6(host, '00000000' + controlPage(true, false));
    expect([host.settle(), other.settle()]).toEqual([[], ['6/2a/01']]);
  });

  test('a logical unit reset brings the defaults back [SPC-4, mode parameters]', () => {
    const { host } = setUp();
    select6(host, '00000000' + controlPage(true, true));
    host.manage('logicalUnitReset');
    host.settle();
    expect(hex(host.send('1A 08 0A 00 FF 00').dataIn.subarray(4))).toBe(controlPage(false, false));
  });

  test('what MODE SENSE gave goes back unchanged, with block descriptor', () => {
    const { host } = setUp();
    const list = Buffer.from(host.send('1A 00 3F 00 FF 00').dataIn);
    list[0] = 0;
    expect(select6(host, hex(list)).outcome).toBe('good');
    const long = Buffer.from(host.send('5A 10 3F 00 00 00 00 00 FF 00').dataIn);
    const select10 = host.send(
      `55 10 00 00 00 00 00 00 ${long.length.toString(16).padStart(2, '0')} 00`,
      { dataOut: long },
    );
    expect(select10.outcome).toBe('good');
  });

  test.each([
    ['a bit that is not changeable: TAS', '00000000' + '0a0a001000400000ffff0000', '8e0009'],
    ['a page that is none', '00000000' + '020a00000000000000000000', '8d0004'],
    ['the PS bit', '00000000' + '8a0a001000000000ffff0000', '8f0004'],
    ['a subpage that is none', '00000000' + '4801000400000000', '800005'],
    ['the length of a subpage', '00000000' + '4a01000400000000', '800006'],
    ['a page length that is not its own', '00000000' + '0a08001000000000ffff', '800005'],
    ['another medium type', '00050000', '800001'],
    ['a block descriptor of another length', '00000004' + '00000000', '800003'],
    ['another capacity', '00000008' + '0000000100000200', '800004'],
    ['another block length', '00000008' + '0000000000001000', '800009'],
    [
      'WCE, which can not be changed',
      '00000000' + '081200' + '00'.repeat(9) + '20' + '00'.repeat(7),
      '8a0006',
    ],
  ])(
    '%s is INVALID FIELD IN PARAMETER LIST, named [SPC-4, MODE SELECT (6)]',
    (_, list, pointer) => {
      const { host } = setUp();
      const task = select6(host, list);
      expect([task.outcome, task.fieldPointer]).toEqual(['5/26/00', pointer]);
    },
  );

  test('nothing changes when a later page is wrong [SPC-4, MODE SELECT (6)]', () => {
    const { host } = setUp();
    select6(host, '00000000' + controlPage(true, true) + '02020000');
    expect(hex(host.send('1A 08 0A 00 FF 00').dataIn.subarray(4))).toBe(controlPage(false, false));
  });

  test.each([
    ['inside the header', '0000'],
    ['inside the block descriptor', '0000000800000000'],
    ['inside a page', '00000000' + '0a0a0010'],
    ['behind a page code', '00000000' + '0a'],
  ])('a list that ends %s is PARAMETER LIST LENGTH ERROR [SPC-4, MODE SELECT (6)]', (_, list) => {
    const { host } = setUp();
    expect(select6(host, list).outcome).toBe('5/1a/00');
  });

  test('less data than the list length says is PARAMETER LIST LENGTH ERROR', () => {
    const { host } = setUp();
    expect(host.send('15 10 00 00 10 00', { dataOut: bytes('00000000') }).outcome).toBe('5/1a/00');
  });

  test('PF must be set, SP must not; a list of no length changes nothing [SPC-4, MODE SELECT (6)]', () => {
    const { host } = setUp();
    expect(select6(host, '00000000', '00').fieldPointer).toBe('cc0001');
    expect(select6(host, '00000000', '11').fieldPointer).toBe('c80001');
    expect(host.send('15 10 00 00 00 00').outcome).toBe('good');
  });
});
