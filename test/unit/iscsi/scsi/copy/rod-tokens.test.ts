import { ScsiTarget } from '../../../../../iscsi/scsi/scsi-target.ts';
import { ManualClock } from '../../../../fakes/manual-clock.ts';
import { MemoryDevice, type MemoryDeviceOptions } from '../../../../memory-device.ts';
import { hex, Host, newUnits, pattern, seededBytes, type SentTask } from '../host.ts';
import {
  copyIn,
  copyOut,
  populateList,
  writeList,
  zeroToken,
} from '../../../../initiator/copy-lists.ts';

const lun1 = '0001000000000000';
const TOKEN_AT = 38;

function setUp(destinationOptions: Partial<MemoryDeviceOptions> = {}) {
  const clock = new ManualClock();
  const units = newUnits(64, { clock, random: seededBytes(7) });
  const source = new MemoryDevice({ blocks: 2048 });
  const destination = new MemoryDevice({ blocks: 2048, ...destinationOptions });
  const target = new ScsiTarget(units);
  target.mapLun(0, source);
  target.mapLun(1, destination);
  const host = new Host(target);
  host.settle();
  host.settle(lun1);
  const data = pattern(64 * 512);
  host.send('2A 00 00 00 00 00 00 00 40 00', { dataOut: data });
  const populate = (list: Uint8Array, listId = 1): SentTask =>
    host.send(copyOut('10', list, listId), { dataOut: list });
  const information = (listId = 1, lun = '0000000000000000'): SentTask =>
    host.send(copyIn('07', listId, 'lid4'), { lun });
  const tokenFor = (...request: Parameters<typeof populateList>): Uint8Array => {
    expect(populate(populateList(...request)).outcome).toBe('good');
    return information().dataIn.slice(TOKEN_AT, TOKEN_AT + 512);
  };
  const write = (list: Uint8Array, listId = 2): SentTask =>
    host.send(copyOut('11', list, listId), { lun: lun1, dataOut: list });
  return {
    clock,
    units,
    target,
    host,
    source,
    destination,
    data,
    populate,
    information,
    tokenFor,
    write,
  };
}

type World = ReturnType<typeof setUp>;

describe('POPULATE TOKEN and WRITE USING TOKEN [SBC-3]', () => {
  test('copy blocks as they were when the token was made', () => {
    const { tokenFor, write, host, destination, data } = setUp();
    const token = tokenFor([[8, 8]]);
    host.send('2A 00 00 00 00 08 00 00 08 00', { dataOut: pattern(8 * 512, 9) });
    expect(write(writeList(token, [[100, 8]])).outcome).toBe('good');
    expect(hex(destination.peek(100, 8))).toBe(hex(data.subarray(8 * 512, 16 * 512)));
  });

  test('the first range starts at byte 16; ddpt 0.97 writes it at byte 15 and is refused [do_pop_tok]', () => {
    const { populate } = setUp();
    const bytes = (text: string): Uint8Array =>
      Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
    const header = '001E 0000 00000000 00000000 0000 0010';
    const asStandard = populate(bytes(`${header} 0000000000000400 00000080 00000000`));
    expect(asStandard.outcome).toBe('good');
    const asDdpt = populate(bytes(`${header} 0000000000040000 00008000 00000000`), 2);
    expect(asDdpt.outcome).toBe('5/21/00');
  });

  test('several ranges on both sides, from an offset on, are one sequence of blocks', () => {
    const { tokenFor, write, destination, data } = setUp();
    const token = tokenFor([
      [40, 4],
      [0, 0],
      [10, 6],
    ]);
    const ranges = [
      [500, 3],
      [600, 0],
      [300, 4],
    ] as const;
    expect(write(writeList(token, ranges, { offset: 2 })).outcome).toBe('good');
    const block = (lba: number): string => hex(data.subarray(lba * 512, lba * 512 + 512));
    const copied = [500, 501, 502, 300, 301, 302, 303].map((lba) => hex(destination.peek(lba, 1)));
    expect(copied).toEqual([42, 43, 10, 11, 12, 13, 14].map(block));
    expect(write(writeList(token, [[700, 1]], { offset: 9 })).outcome).toBe('good');
    expect(hex(destination.peek(700, 1))).toBe(block(15));
  });

  test('RECEIVE ROD TOKEN INFORMATION counts blocks and has the token [SPC-4]', () => {
    const { populate, information, write } = setUp();
    expect(populate(populateList([[8, 8]]), 0x01020304).outcome).toBe('good');
    const data = information(0x01020304).dataIn;
    expect(hex(data.subarray(0, 38))).toBe(
      (
        '00000222 10 01 0001 ffffffff 00 00 00 f1 0000000000000008 0000 000000000000' +
        '00000202 0000'
      ).replaceAll(' ', ''),
    );
    const token = data.slice(TOKEN_AT);
    expect(token.length).toBe(512);
    write(writeList(token, [[100, 8]]));
    const { dataIn } = setUp().information(2, lun1);
    expect(dataIn.length).toBe(0);
  });

  test('a token says what it stands for, and of which unit [SPC-4, ROD token format]', () => {
    const { tokenFor, source } = setUp();
    const token = tokenFor([[8, 8]]);
    expect(hex(token.subarray(0, 8))).toBe('00800000000001f8');
    expect(hex(token.subarray(16, 48))).toBe(
      `e4000000 01030010 ${hex(source.identity.naa)} 00000000 00000200`.replaceAll(' ', ''),
    );
    expect(hex(token.subarray(48, 64))).toBe('00000000000000000000000000001000');
    expect(hex(token.subarray(128, 150))).toBe('012a00121000' + '77'.repeat(16));
  });

  test('the zero token writes zeroes, however many', () => {
    const { write, destination, host } = setUp();
    host.send('2A 00 00 00 00 64 00 00 40 00', { lun: lun1, dataOut: pattern(64 * 512) });
    const ranges = [
      [100, 32],
      [140, 8],
    ] as const;
    expect(write(writeList(zeroToken, ranges)).outcome).toBe('good');
    expect(destination.peek(100, 32).every((byte) => byte === 0)).toBe(true);
    expect(hex(destination.peek(132, 1))).toBe(hex(pattern(64 * 512).subarray(32 * 512, 33 * 512)));
    expect(destination.peek(140, 8).every((byte) => byte === 0)).toBe(true);
  });

  test('an empty parameter list is GOOD', () => {
    const { populate, write } = setUp();
    expect([populate(new Uint8Array(0)).outcome, write(new Uint8Array(0)).outcome]).toEqual([
      'good',
      'good',
    ]);
  });

  test('with IMMED are answered first', () => {
    const { populate, information, write, source, destination } = setUp();
    source.holding = true;
    expect(populate(populateList([[0, 8]], { flags: '01' })).outcome).toBe('good');
    expect(hex(information().dataIn.subarray(4, 6))).toBe('1012');
    expect(information().dataIn.length).toBe(36);
    source.release();
    const token = information().dataIn.slice(TOKEN_AT);
    destination.holding = true;
    expect(write(writeList(token, [[100, 8]], { flags: '01' })).outcome).toBe('good');
    expect(hex(information(2, lun1).dataIn.subarray(4, 6))).toBe('1112');
    destination.release();
    expect(hex(information(2, lun1).dataIn.subarray(4, 24))).toBe(
      '11010001ffffffff000000f10000000000000008',
    );
  });
});

describe('a list that is refused', () => {
  const patched = (list: Uint8Array, at: number, ...values: number[]): Uint8Array => {
    const bytes = list.slice();
    bytes.set(values, at);
    return bytes;
  };
  const many = Array.from({ length: 65 }, (_, index) => [index, 1] as const);
  const one = populateList([[0, 8]]);

  test.each([
    ['reserved bits', patched(one, 2, 0x80), '5/26/00', '8f0002'],
    ['a reserved byte', patched(one, 12, 1), '5/26/00', '88000c'],
    ['a data length below its least', patched(one, 1, 29), '5/26/00', '800000'],
    ['a data length beyond the list', patched(one, 1, 31), '5/26/00', '800000'],
    ['a range length that is no multiple', patched(one, 15, 15), '5/26/00', '80000e'],
    ['a range length beyond the data', patched(one, 15, 32), '5/26/00', '80000e'],
    ['a reserved byte of a range', patched(one, 30, 4), '5/26/00', '8a001e'],
    [
      'a timeout beyond the greatest',
      populateList([[0, 8]], { timeoutS: 601 }),
      '5/26/00',
      '800004',
    ],
    [
      'another ROD type',
      populateList([[0, 8]], { flags: '02', rodType: '00010000' }),
      '5/26/00',
      '800008',
    ],
    ['too many ranges', populateList(many), '5/26/08', '800410'],
    ['a range beyond the end', populateList([[2047, 2]]), '5/21/00', '000000'],
    [
      'ranges that overlap',
      populateList([
        [100, 8],
        [0, 4],
        [96, 5],
      ]),
      '5/26/00',
      '800030',
    ],
  ])('POPULATE TOKEN: %s', (_, list, outcome, pointer) => {
    const { populate, information, source } = setUp();
    const task = populate(list);
    expect([task.outcome, task.fieldPointer]).toEqual([outcome, pointer]);
    expect(information().fieldPointer).toBe('c00002');
    expect(source.pointsInTime).toBe(0);
  });

  test.each(['00800000', '0080FFFF'])('POPULATE TOKEN: not ROD type %s', (rodType) => {
    const { populate } = setUp();
    expect(populate(populateList([[0, 8]], { flags: '02', rodType })).outcome).toBe('good');
  });

  test('POPULATE TOKEN: more than MAXIMUM TOKEN TRANSFER SIZE', () => {
    const units = newUnits();
    const target = new ScsiTarget(units);
    target.mapLun(0, new MemoryDevice({ blocks: 2 ** 33 }));
    const host = new Host(target);
    host.settle();
    const list = populateList([
      [0, 2 ** 22],
      [2 ** 22, 2 ** 22],
      [2 ** 30, 1],
    ]);
    const task = host.send(copyOut('10', list), { dataOut: list });
    expect([task.outcome, task.fieldPointer]).toEqual(['5/26/00', '800038']);
  });

  test.each([
    ['reserved bits', (list: Uint8Array) => patched(list, 2, 0x04), '5/26/00', '8a0002'],
    ['a reserved byte', (list: Uint8Array) => patched(list, 7, 1), '5/26/00', '880007'],
    ['reserved behind the token', (list: Uint8Array) => patched(list, 533, 2), '5/26/00', '890215'],
    ['its data length', (list: Uint8Array) => patched(list, 0, 2, 0x25), '5/26/00', '800000'],
    ['its range length', (list: Uint8Array) => patched(list, 535, 8), '5/26/00', '800216'],
    ['an offset beyond the token', (list: Uint8Array) => patched(list, 15, 9), '5/26/00', '800008'],
    [
      'more blocks than the token has',
      (list: Uint8Array) => patched(list, 15, 1),
      '5/26/00',
      '800216',
    ],
    ['a range beyond the end', (list: Uint8Array) => patched(list, 542, 0x08), '5/21/00', '000000'],
  ])('WRITE USING TOKEN: %s', (_, change, outcome, pointer) => {
    const { tokenFor, write, destination, information } = setUp();
    const list = writeList(tokenFor([[0, 8]]), [[0, 8]]);
    const task = write(change(list));
    expect([task.outcome, task.fieldPointer]).toEqual([outcome, pointer]);
    expect(destination.peek(0, 8).every((byte) => byte === 0)).toBe(true);
    expect(information(2, lun1).outcome).toBe('5/24/00');
    expect(write(list).outcome).toBe('good');
  });

  test('length errors: a list shorter than its header, or than the CDB says', () => {
    const { populate, write, host } = setUp();
    expect(populate(one.subarray(0, 15)).outcome).toBe('5/1a/00');
    expect(write(zeroToken.subarray(0, 500)).outcome).toBe('5/1a/00');
    expect(host.send(copyOut('10', one), { dataOut: one.subarray(0, 20) }).outcome).toBe('5/1a/00');
  });
});

describe('a token that is not to be used [SPC-4, INVALID TOKEN OPERATION]', () => {
  const changed = (at: number, value: number) => (token: Uint8Array) => {
    const bytes = token.slice();
    bytes[at] = value;
    return bytes;
  };
  test.each([
    ['of a type that is none', changed(0, 1), '5/23/01'],
    ['of a type that others make', changed(3, 1), '5/23/01'],
    ['of another length', changed(7, 0), '5/23/0a'],
    ['of another pool', changed(140, 0), '5/23/02'],
    ['with an identifier made up', changed(9, 0), '5/23/04'],
    ['with a secret made up', changed(500, 0), '5/23/05'],
    ['that claims more bytes', changed(60, 1), '5/23/05'],
  ])('one %s', (_, change, outcome) => {
    const { tokenFor, write, destination } = setUp();
    const token = change(tokenFor([[0, 8]]));
    expect(write(writeList(token, [[0, 8]])).outcome).toBe(outcome);
    expect(destination.peek(0, 8).every((byte) => byte === 0)).toBe(true);
  });

  test('the zero token with another length', () => {
    const { write } = setUp();
    expect(write(writeList(changed(7, 0)(zeroToken), [[0, 8]])).outcome).toBe('5/23/0a');
  });

  test('one of a unit with another block size', () => {
    const { tokenFor, write } = setUp({ blockSizeBytes: 4096, blocks: 256 });
    expect(write(writeList(tokenFor([[0, 8]]), [[0, 1]])).outcome).toBe('5/23/00');
  });

  test('one that nobody used for 60 s, or as long as was asked for', () => {
    const { tokenFor, write, clock, source } = setUp();
    const minute = tokenFor([[0, 8]]);
    const second = tokenFor([[0, 8]], { timeoutS: 1 });
    clock.advance(1001);
    expect(write(writeList(second, [[0, 8]])).outcome).toBe('5/23/07');
    clock.advance(58_000);
    // A use begins the time anew.
    expect(write(writeList(minute, [[0, 8]])).outcome).toBe('good');
    clock.advance(59_000);
    expect(source.pointsInTime).toBe(1);
    clock.advance(1000);
    expect(source.pointsInTime).toBe(0);
    expect(write(writeList(minute, [[0, 8]])).outcome).toBe('5/23/07');
  });

  test('one whose volume is gone', () => {
    const { tokenFor, write, source } = setUp();
    const token = tokenFor([[0, 8]]);
    source.isDeleted = true;
    expect(write(writeList(token, [[0, 8]])).outcome).toBe('5/23/06');
  });

  test('one that DEL_TKN has deleted, once its use was good', () => {
    const { tokenFor, write, source, destination } = setUp();
    const list = writeList(tokenFor([[0, 8]]), [[0, 8]], { flags: '02' });
    destination.failures.push({ code: 'space-exhausted' });
    expect(write(list).outcome).toBe('7/27/07');
    expect(source.pointsInTime).toBe(1);
    expect(write(list).outcome).toBe('good');
    expect(source.pointsInTime).toBe(0);
    expect(write(list).outcome).toBe('5/23/09');
  });

  test('a use under way outlasts the timeout and the deletion by another', () => {
    const { tokenFor, write, clock, source, destination, data } = setUp();
    const token = tokenFor([[0, 8]]);
    destination.holding = true;
    const slow = write(writeList(token, [[0, 8]]));
    const deleting = write(writeList(token, [[8, 8]], { flags: '02' }), 3);
    clock.advance(120_000);
    destination.release([1]);
    expect([deleting.outcome, source.pointsInTime]).toEqual(['good', 1]);
    expect(write(writeList(token, [[16, 8]]), 4).outcome).toBe('5/23/09');
    destination.release();
    expect([slow.outcome, source.pointsInTime]).toEqual(['good', 0]);
    expect(hex(destination.peek(0, 8))).toBe(hex(data.subarray(0, 4096)));
  });
});

describe('bounds', () => {
  test('1024 tokens of a member: the next is refused, none is dropped', () => {
    const { populate, tokenFor, source, write, clock } = setUp();
    const first = tokenFor([[0, 8]]);
    for (let count = 1; count < 1024; count += 1) populate(populateList([[0, 8]]));
    expect(populate(populateList([[0, 8]])).outcome).toBe('5/55/0d');
    expect(source.pointsInTime).toBe(1024);
    expect(write(writeList(first, [[0, 8]])).outcome).toBe('good');
    clock.advance(60_000);
    expect(source.pointsInTime).toBe(0);
    expect(populate(populateList([[0, 8]])).outcome).toBe('good');
  });

  test('points in time that the device has none of any more, and its errors', () => {
    const { populate, source, information } = setUp();
    source.maxPointsInTime = 0;
    expect(populate(populateList([[0, 8]])).outcome).toBe('5/55/0c');
    expect(hex(information().dataIn.subarray(4, 6))).toBe('1002');
    source.failures.push({ code: 'not-ready' });
    expect(populate(populateList([[0, 8]])).outcome).toBe('2/04/01');
  });

  test('64 outcomes are kept, the oldest goes first', () => {
    const { populate, information } = setUp();
    for (let listId = 1; listId <= 66; listId += 1) populate(populateList([[0, 8]]), listId);
    // One more than are kept: room is made when a copy begins.
    expect([information(1).outcome, information(2).outcome]).toEqual(['5/24/00', 'good']);
  });
});

describe('an end under way', () => {
  const held = (flags: string): World & { task: SentTask } => {
    const world = setUp();
    world.source.holding = true;
    return { ...world, task: world.populate(populateList([[0, 8]], { flags })) };
  };

  test('of POPULATE TOKEN by ABORT TASK leaves no token', () => {
    const { task, host, source } = held('00');
    const answer = host.abortTask(task.tag);
    expect(answer.outcome).toBe(null);
    source.release();
    expect([task.outcome, answer.outcome, source.pointsInTime]).toEqual(['dropped', 'complete', 0]);
  });

  test('of POPULATE TOKEN with IMMED by the loss of the nexus, too', () => {
    const { target, host, source } = held('01');
    let isOver = false;
    target.detach(host.nexus, () => {
      isOver = true;
    });
    expect(isOver).toBe(false);
    source.release();
    expect([isOver, source.pointsInTime]).toEqual([true, 0]);
  });

  test('of WRITE USING TOKEN by ABORT TASK gives the token back', () => {
    const { tokenFor, write, host, destination, clock, source } = setUp();
    const token = tokenFor([[0, 8]]);
    destination.holding = true;
    const task = write(writeList(token, [[0, 8]]));
    const answer = host.manage('abortTaskSet', lun1);
    destination.release();
    expect([task.outcome, answer.outcome]).toEqual(['dropped', 'complete']);
    clock.advance(60_000);
    expect(source.pointsInTime).toBe(0);
  });
});
