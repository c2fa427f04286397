import { hex, pattern, setUp } from '../host.ts';
import { blocks, copyIn, copyOut, cscd, lid1 } from '../../../../initiator/copy-lists.ts';

function copied(count: number, listId: number) {
  const world = setUp();
  const list = lid1([cscd(world.device)], [blocks(count, { lba: 1000 })], { listId });
  world.host.send('2A 00 00 00 00 00 00 00 20 00', { dataOut: pattern(32 * 512) });
  return { ...world, task: world.host.send(copyOut('00', list), { dataOut: list }) };
}

describe('RECEIVE COPY RESULTS [SPC-4]', () => {
  test('COPY STATUS of LID1: state, segments, bytes', () => {
    const { host } = copied(32, 5);
    expect(hex(host.send(copyIn('00', 5, 'lid1')).dataIn)).toBe('000000080100010000004000');
  });

  test('COPY STATUS of a copy that failed, and its FAILURE DETAILS', () => {
    const { host, device } = copied(32, 5);
    const list = lid1([cscd(device)], [blocks(32, { lba: 1000 })], { listId: 5 });
    device.failures.push({ code: 'unreadable', lba: 0 });
    const task = host.send(copyOut('00', list), { dataOut: list });
    expect(task.outcome).toBe('a/0d/01');
    expect(hex(host.send(copyIn('00', 5, 'lid1')).dataIn)).toBe('000000080200000000000000');
    const details = host.send(copyIn('04', 5, 'lid1')).dataIn;
    const sense = task.result!.sense;
    expect(hex(details.subarray(0, 4))).toBe((56 + sense.length).toString(16).padStart(8, '0'));
    expect(hex(details.subarray(56, 60))).toBe(`0200${sense.length.toString(16).padStart(4, '0')}`);
    expect(hex(details.subarray(60))).toBe(hex(sense));
  });

  test('FAILURE DETAILS of one that did not: no data are available', () => {
    const { host } = copied(32, 5);
    expect(hex(host.send(copyIn('04', 5, 'lid1')).dataIn)).toBe('00000000');
  });

  test('an unknown list identifier is refused at byte 2, one of the other length is another', () => {
    const { host } = copied(32, 5);
    const unknown = [copyIn('00', 6, 'lid1'), copyIn('04', 6, 'lid1'), copyIn('05', 5, 'lid4')];
    for (const cdb of [...unknown, copyIn('07', 5, 'lid4')]) {
      const task = host.send(cdb);
      expect([task.outcome, task.fieldPointer]).toEqual(['5/24/00', 'c00002']);
    }
  });

  test('a reset forgets all', () => {
    const { host } = copied(32, 5);
    host.manage('logicalUnitReset');
    host.settle();
    expect(host.send(copyIn('00', 5, 'lid1')).outcome).toBe('5/24/00');
  });

  test('OPERATING PARAMETERS', () => {
    const { host } = setUp();
    expect(hex(host.send(copyIn('03', 0, 'lid1')).dataIn)).toBe(
      [
        '0000002b 01 000000', // SNLID
        '0040 0040 00001000 10000000', // CSCDs, segments, list, 256 MiB a segment
        '00000000 00000000 00000000 0000', // no inline data, no held data, no streams
        '0040 40 09 00 00 000000', // 64 at a time, blocks of 512 bytes
        '03 02 0a e4',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  test('RECEIVE COPY DATA is no service action here', () => {
    expect(setUp().host.send(copyIn('01', 0, 'lid1')).fieldPointer).toBe('cc0001');
  });
});

test('Third-party Copy VPD page [SPC-4, SBC-3]', () => {
  const { host } = setUp();
  const page = Buffer.from(host.send('12 01 8F 04 00 00').dataIn);
  expect(hex(page.subarray(0, 4))).toBe(`008f${(page.length - 4).toString(16).padStart(4, '0')}`);
  const descriptors: string[] = [];
  for (let at = 4; at < page.length; at += 4 + page.readUInt16BE(at + 2)) {
    descriptors.push(hex(page.subarray(at, at + 4 + page.readUInt16BE(at + 2))));
  }
  const zeroes = (count: number): string => '00'.repeat(count);
  expect(descriptors).toEqual(
    [
      `0000 0020 ${zeroes(6)} 0040 00000258 0000003c 0000000000800000 0000000000080000`,
      `0001 0010 0e 83 05 00 01 10 11 1c 84 05 00 03 04 05 07 ${zeroes(1)}`,
      `0004 001c ${zeroes(4)} 0040 0040 00001000 ${zeroes(16)}`,
      `0008 0004 03 02 0a e4`,
      `000c 0004 0002 ffff`,
      `0106 005c ${zeroes(12)} 00000001 00000258 00000258 ${zeroes(18)} 0030` +
        `0000002c 0000 0008 0000000100000000 ${'0000000010000000'.repeat(3)} ${zeroes(8)}`,
      `0108 0084 0000 0080 00800000 03 ${zeroes(59)} ffff0001 02 ${zeroes(59)}`,
      `8001 0020 00000040 00000040 10000000 09 ${zeroes(19)}`,
    ].map((descriptor) => descriptor.replaceAll(' ', '')),
  );
});
