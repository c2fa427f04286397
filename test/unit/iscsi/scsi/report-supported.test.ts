import { commandTable } from '../../../../iscsi/scsi/command-table.ts';
import { hex, setUp } from './host.ts';

const one = (options: string, opcode: string, action = '00 00'): string =>
  `A3 0C ${options} ${opcode} ${action} 00 00 01 00 00 00`;

describe('REPORT SUPPORTED OPERATION CODES', () => {
  test('all: 8 bytes a command, 20 with timeouts [SPC-4, all_commands parameter data]', () => {
    const { host } = setUp();
    const plain = Buffer.from(host.send('A3 0C 00 00 00 00 00 00 FF FF 00 00').dataIn);
    expect(plain.readUInt32BE(0)).toBe(plain.length - 4);
    expect(plain.length).toBe(4 + commandTable.rows.length * 8);
    // READ(6), and GET LBA STATUS with its service action.
    expect(plain.includes(Buffer.from('0800000000000006', 'hex'))).toBe(true);
    expect(plain.includes(Buffer.from('9e00001200010010', 'hex'))).toBe(true);
    const timed = Buffer.from(host.send('A3 0C 80 00 00 00 00 00 FF FF 00 00').dataIn);
    expect(timed.length).toBe(4 + commandTable.rows.length * 20);
    expect(hex(timed.subarray(4, 24))).toBe('0000000000020006' + '000a0000' + '000000000000001e');
  });

  test('one command: its CDB usage data, byte 0 the operation code [SPC-4, one_command parameter data]', () => {
    const { host } = setUp();
    expect(hex(host.send(one('01', '28')).dataIn)).toBe('0003000a' + '2818ffffffff00ffff00');
    expect(hex(host.send(one('02', '9E', '00 10')).dataIn)).toBe(
      '00030010' + '9e100000000000000000ffffffff0000',
    );
    expect(hex(host.send(one('83', '00')).dataIn)).toBe(
      '00830006' + '000000000000' + '000a0000' + '000000000000001e',
    );
  });

  test('what is not there is SUPPORT 001b [SPC-4, one_command parameter data]', () => {
    const { host } = setUp();
    for (const cdb of [
      one('01', 'FF'),
      one('02', '9E', '00 1F'),
      one('03', '28', '00 01'),
      one('03', '9E', '00 1F'),
    ]) {
      expect(hex(host.send(cdb).dataIn)).toBe('00010000');
    }
  });

  test('option 1 with service actions and option 2 without are refused [SPC-4, REPORTING OPTIONS]', () => {
    const { host } = setUp();
    const withActions = host.send(one('01', '9E'));
    expect([withActions.outcome, withActions.fieldPointer]).toEqual(['5/24/00', 'c00003']);
    const without = host.send(one('02', '28'));
    expect([without.outcome, without.fieldPointer]).toEqual(['5/24/00', 'c00004']);
    expect(host.send(one('04', '28')).fieldPointer).toBe('ca0002');
  });

  test('every bit that a row leaves out is refused and named to the bit', () => {
    const { host } = setUp();
    for (const row of commandTable.rows) {
      row.usage.forEach((allowed, at) => {
        const actionBits = at === 1 && row.serviceAction !== null ? 0x1f : 0;
        for (let bit = 0; bit < 8; bit += 1) {
          if (at === 0 || ((allowed | actionBits) & (1 << bit)) !== 0) continue;
          const cdb = new Uint8Array(16);
          cdb[0] = row.opcode;
          cdb[1] = row.serviceAction ?? 0;
          cdb[at] = (cdb[at] ?? 0) | (1 << bit);
          const task = host.send(hex(cdb));
          const pointer = (0xc8 | bit).toString(16) + at.toString(16).padStart(4, '0');
          expect([row.name, task.outcome, task.fieldPointer]).toEqual([
            row.name,
            '5/24/00',
            pointer,
          ]);
        }
      });
    }
  });

  test('every operation code that is not listed is 5/20/00 [SPC-4, OPERATION CODE]', () => {
    const { host } = setUp();
    const known = new Set(commandTable.rows.map(({ opcode }) => opcode));
    for (let opcode = 0; opcode < 256; opcode += 1) {
      if (known.has(opcode)) continue;
      expect(host.send(opcode.toString(16).padStart(2, '0')).outcome).toBe('5/20/00');
    }
  });
});

test('REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS: ATS ATSS CTSS LURS TRS [SPC-4]', () => {
  const { host } = setUp();
  expect(hex(host.send('A3 0D 00 00 00 00 00 00 00 FF 00 00').dataIn)).toBe('da000000');
  expect(hex(host.send('A3 0D 80 00 00 00 00 00 00 FF 00 00').dataIn)).toBe(
    'da00000c' + '00'.repeat(12),
  );
});
