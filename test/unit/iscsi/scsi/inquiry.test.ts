import { Host, hex, newTarget, setUp } from './host.ts';
import { MemoryDevice } from '../../../memory-device.ts';

const vpd = (page: string, allocation = '01 00'): string => `12 01 ${page} ${allocation} 00`;

describe('standard INQUIRY data', () => {
  test('96 bytes: SPC-4 disk, command queuing, and the standards it claims [SPC-4, standard INQUIRY data]', () => {
    const { host } = setUp();
    const data = host.send('12 00 00 01 00 00').dataIn;
    expect(hex(data.subarray(0, 8))).toBe('000006125b381002');
    expect(Buffer.from(data.subarray(8, 36)).toString('latin1')).toBe(
      'SCALE   STORAGE SCALE   0001',
    );
    // SAM-5, iSCSI, SPC-4, SBC-3, none claiming a certain revision.
    expect(hex(data.subarray(58, 74))).toBe('00a00960046004c00000000000000000');
    expect(data.length).toBe(96);
  });

  test('the allocation length cuts, at 0 and above 255 too [SPC-4, allocation length]', () => {
    const { host } = setUp();
    expect(host.send('12 00 00 00 00 00').dataIn.length).toBe(0);
    expect(host.send('12 00 00 00 05 00').dataIn.length).toBe(5);
    expect(host.send('12 00 00 02 00 00').dataIn.length).toBe(96);
  });

  test('a page code without EVPD is refused [SPC-4, INQUIRY]', () => {
    const { host } = setUp();
    const task = host.send('12 00 83 01 00 00');
    expect([task.outcome, task.fieldPointer]).toEqual(['5/24/00', 'c00002']);
  });

  test('CMDDT, obsolete, is refused to the bit', () => {
    const { host } = setUp();
    expect(host.send('12 02 00 01 00 00').fieldPointer).toBe('c90001');
  });

  test('the product string is the same for every volume', () => {
    const { host, target } = setUp();
    target.mapLun(1, new MemoryDevice({ blocks: 16, blockSizeBytes: 4096 }));
    const standard = '12 00 00 00 60 00';
    expect(hex(host.send(standard).dataIn)).toBe(
      hex(host.send(standard, { lun: '0001000000000000' }).dataIn),
    );
  });
});

describe('vital product data', () => {
  test('the list of pages ascends and each of them is there [SPC-4, Supported VPD Pages]', () => {
    const { host } = setUp();
    expect(hex(host.send(vpd('00')).dataIn)).toBe('00000008008083868fb0b1b2');
    for (const page of ['00', '80', '83', '86', '8F', 'B0', 'B1', 'B2']) {
      const data = host.send(vpd(page, '0400')).dataIn;
      expect(data[1]).toBe(parseInt(page, 16));
      expect(data.length).toBe(4 + (data[2] ?? 0) * 256 + (data[3] ?? 0));
    }
  });

  test('a page that is none is refused at byte 2 [SPC-4, INQUIRY]', () => {
    const { host } = setUp();
    const task = host.send(vpd('8E'));
    expect([task.outcome, task.fieldPointer]).toEqual(['5/24/00', 'c00002']);
  });

  test('80h is the serial number [SPC-4, Unit Serial Number]', () => {
    const { host } = setUp();
    expect(Buffer.from(host.send(vpd('80')).dataIn.subarray(4)).toString()).toBe(
      '0123456789abcdef',
    );
  });

  test('83h: NAA-6 first, then T10 vendor, SCSI names, the port and its group [SPC-4, Device Identification VPD page]', () => {
    const { host } = setUp();
    const data = Buffer.from(host.send(vpd('83')).dataIn);
    const designators: string[] = [];
    for (let at = 4; at < data.length;) {
      const length = data[at + 3] ?? 0;
      const head = hex(data.subarray(at, at + 4));
      const value = data.subarray(at + 4, at + 4 + length);
      const text = (data[at] ?? 0) % 16 > 1;
      designators.push(
        `${head} ${text ? value.toString('latin1').replaceAll('\0', '.') : hex(value)}`,
      );
      at += 4 + length;
    }
    expect(designators).toEqual([
      '01030010 60112233445566778899aabbccddeeff',
      '02010018 SCALE   0123456789abcdef',
      '03080028 naa.60112233445566778899AABBCCDDEEFF....',
      '51940004 00000001',
      '51950004 00000001',
      '53980028 iqn.2024-01.com.example:target,t,0x0001.',
      '53a80020 iqn.2024-01.com.example:target..',
    ]);
  });

  test('the designators of the logical unit are the same on every path', () => {
    const target = newTarget();
    target.mapLun(0, new MemoryDevice({ blocks: 16 }));
    const [a, b] = [new Host(target, 'a'), new Host(target, 'b')];
    expect(hex(a.send(vpd('83')).dataIn)).toBe(hex(b.send(vpd('83')).dataIn));
  });

  test('86h: three task attributes, and V_SUP where a cache is volatile [SPC-4, Extended INQUIRY Data VPD page]', () => {
    expect(hex(setUp().host.send(vpd('86', '00 08')).dataIn)).toBe('0086003c00070101');
    const { host } = setUp({ volatileCache: false });
    expect(hex(host.send(vpd('86', '00 08')).dataIn)).toBe('0086003c00070001');
  });

  test('B0h of a 512e volume with 64 KiB chunks [SBC-3, Block Limits VPD page]', () => {
    const { host } = setUp({ chunkSizeBytes: 65536 });
    expect(hex(host.send(vpd('B0')).dataIn)).toBe(
      [
        '00b0003c 01 ff 0080', // WSNZ 1, COMPARE AND WRITE 255, OPTIMAL TRANSFER LENGTH GRANULARITY 64 KiB
        '00004000 00000800 00004000', // MAXIMUM 8 MiB, OPTIMAL 1 MiB, prefetch 8 MiB
        '00100000 00000100', // UNMAP: 1 Mi blocks in 256 descriptors
        '00000080 80000000', // granularity 64 KiB, alignment 0 and valid
        '0000000000004000', // WRITE SAME: 8 MiB
        '00004000 00000000 00000000 00000000 00000000', // WRITE ATOMIC: 8 MiB, at any alignment
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  test('B0h of a 4096-byte volume counts in its blocks [SBC-3, Block Limits VPD page]', () => {
    const { host } = setUp({ blockSizeBytes: 4096 });
    const data = Buffer.from(host.send(vpd('B0')).dataIn);
    expect(data.readUInt16BE(6)).toBe(1);
    expect(data.readUInt32BE(8)).toBe(2048);
    expect(data.readUInt32BE(28)).toBe(1);
    expect(data.readBigUInt64BE(36)).toBe(2048n);
  });

  test('B1h: not rotating [SBC-3, Block Device Characteristics VPD page]', () => {
    const { host } = setUp();
    expect(hex(host.send(vpd('B1', '00 06')).dataIn)).toBe('00b1003c0001');
  });

  test('B2h: UNMAP and both WRITE SAME, reads zeroes, thin [SBC-3, Logical Block Provisioning VPD page]', () => {
    const { host } = setUp();
    expect(hex(host.send(vpd('B2')).dataIn)).toBe('00b200040ce40200');
  });
});

describe('READ CAPACITY', () => {
  test('(10): last LBA and block length [SBC-3, READ CAPACITY (10)]', () => {
    expect(hex(setUp().host.send('25').dataIn)).toBe('000007ff00000200');
    expect(hex(setUp({ blockSizeBytes: 4096 }).host.send('25').dataIn)).toBe('000000ff00001000');
  });

  test('(10) gives FFFFFFFFh where the last LBA does not fit [SBC-3, READ CAPACITY (10)]', () => {
    const { host } = setUp({ blocks: 2 ** 33 });
    expect(hex(host.send('25').dataIn)).toBe('ffffffff00000200');
  });

  test('(16): 8 logical blocks a physical one on 512e; thin, reads zeroes [SBC-3, READ CAPACITY (16)]', () => {
    const { host } = setUp({ blocks: 2 ** 33 });
    expect(hex(host.send('9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00').dataIn)).toBe(
      '00000001ffffffff' + '00000200' + '0003c000' + '00'.repeat(16),
    );
    const native = setUp({ blockSizeBytes: 4096 }).host;
    expect(hex(native.send('9E 10 00 00 00 00 00 00 00 00 00 00 00 10 00 00').dataIn)).toBe(
      '00000000000000ff' + '00001000' + '0000c000',
    );
  });

  test('an unknown service action is refused at bit 4 of byte 1 [SPC-4, SERVICE ACTION]', () => {
    const { host } = setUp();
    const task = host.send('9E 1F');
    expect([task.outcome, task.fieldPointer]).toEqual(['5/24/00', 'cc0001']);
  });
});
