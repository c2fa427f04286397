import { ScsiTarget } from '../../../../../iscsi/scsi/scsi-target.ts';
import { MemoryDevice } from '../../../../memory-device.ts';
import { hex, Host, newUnits, pattern, type SentTask } from '../host.ts';
import {
  blocks,
  bytesWithOffset,
  copyIn,
  copyOut,
  cscd,
  lid1,
  lid4,
} from '../../../../initiator/copy-lists.ts';

const lun1 = '0001000000000000';

/** Two disks of 1 MiB as LUN 0 and 1, and a host; `data` is at the start of the first. */
function setUp(sizes: { source?: 512 | 4096; destination?: 512 | 4096 } = {}) {
  const units = newUnits();
  const make = (blockSizeBytes: 512 | 4096): MemoryDevice =>
    new MemoryDevice({ blocks: (1 << 20) / blockSizeBytes, blockSizeBytes });
  const [source, destination] = [make(sizes.source ?? 512), make(sizes.destination ?? 512)];
  const target = new ScsiTarget(units);
  target.mapLun(0, source);
  target.mapLun(1, destination);
  const host = new Host(target);
  host.settle();
  host.settle(lun1);
  const data = pattern(64 * 1024);
  const count = (data.length / source.blockSizeBytes).toString(16).padStart(2, '0');
  host.send(`2A 00 00 00 00 00 00 00 ${count} 00`, { dataOut: data });
  const both = [cscd(source), cscd(destination)];
  const copy = (list: Uint8Array, action = '00'): SentTask =>
    host.send(copyOut(action, list), { dataOut: list });
  return { units, target, host, source, destination, data, both, copy };
}

/** Segment, and where the answers of source and destination start [SPC-4, fixed format]. */
const commandSpecific = (task: SentTask): string => hex(task.result!.sense.subarray(8, 12));

const acrossUnits = { from: 0, to: 1 };

describe('EXTENDED COPY', () => {
  test.each([
    ['LID1', '00', lid1],
    ['LID4', '01', lid4],
  ] as const)('(%s) copies blocks from one LUN to another', (_, action, list) => {
    const { copy, destination, data, both } = setUp();
    const segment = blocks(128, { ...acrossUnits, lba: 300 });
    expect(copy(list(both, [segment]), action).outcome).toBe('good');
    expect(hex(destination.peek(300, 128))).toBe(hex(data));
  });

  test('copies within a LUN, by CSCD descriptor or FFFFh, several segments in their order', () => {
    const { copy, source, data } = setUp();
    const own = { from: 0xffff, to: 0xffff };
    const segments = [
      blocks(16, { lba: 500 }),
      blocks(16, { ...own, sourceLba: 500, lba: 600 }),
      blocks(0),
    ];
    expect(copy(lid1([cscd(source)], segments)).outcome).toBe('good');
    expect(hex(source.peek(600, 16))).toBe(hex(data.subarray(0, 16 * 512)));
  });

  test('with DC counts blocks of the destination, and between block sizes copies bytes', () => {
    const { copy, destination, data, both } = setUp({ destination: 4096 });
    expect(copy(lid1(both, [blocks(2, { ...acrossUnits, lba: 9, flags: '02' })])).outcome).toBe(
      'good',
    );
    expect(hex(destination.peek(9, 2))).toBe(hex(data.subarray(0, 8192)));
    const task = copy(lid1(both, [blocks(3, acrossUnits)]));
    expect([task.outcome, task.fieldPointer]).toEqual(['a/26/0a', '80005a']);
  });

  test('0Ah counts bytes, with offsets of whole blocks; others violate the granularity', () => {
    const { copy, destination, data, both } = setUp();
    const offsets = { ...acrossUnits, sourceOffset: 1024, offset: 512 };
    expect(copy(lid1(both, [bytesWithOffset(2048, offsets)])).outcome).toBe('good');
    expect(hex(destination.peek(1, 4))).toBe(hex(data.subarray(1024, 3072)));
    for (const [segment, pointer] of [
      [bytesWithOffset(1000, acrossUnits), '800058'],
      [bytesWithOffset(1024, { ...acrossUnits, offset: 1 }), '80006c'],
    ] as const) {
      const task = copy(lid1(both, [segment]));
      expect([task.outcome, task.fieldPointer]).toEqual(['a/26/0d', pointer]);
    }
  });

  test('of an empty list is GOOD', () => {
    const { host } = setUp();
    expect(host.send(copyOut('00', new Uint8Array(0))).outcome).toBe('good');
    expect(host.send(copyOut('01', new Uint8Array(0))).outcome).toBe('good');
  });
});

describe('a list that is refused [SPC-4, errors before segment descriptors are processed]', () => {
  const { copy, source, both, host } = setUp();
  const one = [cscd(source)];
  const many = (count: number, descriptor: string): string[] =>
    Array<string>(count).fill(descriptor);
  const patched = (list: Uint8Array, at: number, value: number): Uint8Array => {
    const bytes = list.slice();
    bytes[at] = value;
    return bytes;
  };
  const good1 = lid1(one, [blocks(1, { lba: 200 })]);
  const good4 = lid4(one, [blocks(1, { lba: 200 })]);

  test.each([
    ['too many CSCD descriptors', '00', lid1(many(65, one[0]!), []), '5/26/06', '800810'],
    ['too many segments', '00', lid1(one, many(65, blocks(0))), '5/26/08', '800730'],
    ['an unknown CSCD type', '00', lid1([cscd(source, { type: 'E0' })], []), '5/26/07', '800010'],
    ['an unknown segment type', '00', patched(good1, 48, 3), '5/26/09', '800030'],
    ['a wrong DESCRIPTOR LENGTH', '00', patched(good1, 51, 0x17), '5/26/00', '800032'],
    ['reserved bits of the header', '00', patched(good1, 1, 0x80), '5/26/00', '8f0001'],
    ['a reserved byte of the header', '00', patched(good1, 5, 0x10), '5/26/00', '8c0005'],
    ['LIST ID USAGE 01b', '00', patched(good1, 1, 0x08), '5/26/00', '8c0001'],
    ['an identifier with LIST ID USAGE 11b', '00', patched(good1, 1, 0x18), '5/26/00', '800000'],
    ['a reserved byte of a CSCD', '00', patched(good1, 22, 1), '5/26/00', '880016'],
    ['a designator too long', '00', patched(good1, 23, 21), '5/26/00', '800017'],
    ['a reserved bit of a segment', '00', patched(good1, 49, 4), '5/26/00', '8a0031'],
    ['DC in 0Ah', '00', lid1(one, [bytesWithOffset(512, { flags: '02' })]), '5/26/00', '890031'],
    ['inline data', '00', lid1(one, [blocks(1)], { inline: 4 }), '5/26/0b', '80000c'],
    ['another format (LID4)', '01', patched(good4, 0, 2), '5/26/00', '800000'],
    ['another header descriptor (LID4)', '01', patched(good4, 3, 0x21), '5/26/00', '800002'],
    ['another header type (LID4)', '01', patched(good4, 16, 0), '5/26/00', '800010'],
    ['G_SENSE (LID4)', '01', patched(good4, 15, 2), '5/26/00', '89000f'],
    [
      'IMMED that nobody can ask for (LID4)',
      '01',
      lid4(one, [], { listId: 0, flags: '18', immed: true }),
      '5/26/00',
      '88000f',
    ],
  ])('%s', (_, action, list, outcome, pointer) => {
    const task = copy(list, action);
    expect([task.outcome, task.fieldPointer]).toEqual([outcome, pointer]);
    expect(hex(source.peek(200, 1))).toBe('00'.repeat(512));
  });

  test.each([
    ['within the header', good1.subarray(0, 15)],
    ['within a CSCD descriptor', good1.subarray(0, 47)],
    ['within a segment', good1.subarray(0, good1.length - 1)],
    ['of more than the maximum', lid1(many(64, one[0]!), many(74, blocks(0)))],
    ['whose CSCD list ends within a descriptor', patched(good1, 3, 0x10)],
  ])('a length error: a list %s', (_, list) => {
    expect(copy(list).outcome).toBe('5/1a/00');
  });

  test('a length error: less data than the CDB says', () => {
    const task = host.send(copyOut('00', good1), { dataOut: good1.subarray(0, 40) });
    expect(task.outcome).toBe('5/1a/00');
  });

  test('LIST ID USAGE 10b and, without an identifier, 11b are as good as 00b', () => {
    expect(copy(patched(good1, 1, 0x10)).outcome).toBe('good');
    expect(copy(lid1(both, [], { listId: 0, flags: '18' })).outcome).toBe('good');
  });
});

describe('a segment that cannot be copied [SPC-4, errors while segment descriptors are processed]', () => {
  const fault = (
    segment: string,
    change: (world: ReturnType<typeof setUp>) => void = () => undefined,
  ) => {
    const world = setUp();
    change(world);
    const ahead = blocks(4, { ...acrossUnits, lba: 900 });
    const task = world.copy(lid1(world.both, [ahead, segment]));
    return {
      ...world,
      task,
      isUntouched: world.destination.peek(900, 4).every((byte) => byte === 0),
    };
  };
  const withCscd = (descriptor: (source: MemoryDevice) => string) => {
    const { source, copy } = setUp();
    return copy(lid1([descriptor(source)], [blocks(1, { lba: 200 })]));
  };

  test('an identifier without a CSCD descriptor: UNREACHABLE COPY TARGET', () => {
    const { task, isUntouched } = fault(blocks(1, { from: 0, to: 2 }));
    expect([task.outcome, task.fieldPointer, commandSpecific(task)]).toEqual([
      'a/08/04',
      '800072',
      '00000001',
    ]);
    expect(isUntouched).toBe(true);
  });

  test('a designator of no unit here: COPY TARGET DEVICE NOT REACHABLE', () => {
    const stranger = new MemoryDevice({ blocks: 2048 });
    const task = withCscd(() => cscd(stranger));
    expect([task.outcome, task.fieldPointer]).toEqual(['a/0d/02', '800010']);
  });

  test('a CSCD of another device type, or of another block length than the unit has', () => {
    const tape = withCscd((source) => cscd(source).replace('E4 00', 'E4 01'));
    expect([tape.outcome, tape.fieldPointer]).toEqual(['a/0d/03', '800011']);
    const length = withCscd((source) => cscd(source, { blockLength: 520 }));
    expect([length.outcome, length.fieldPointer]).toEqual(['a/26/00', '80002d']);
    expect(withCscd((source) => cscd(source, { blockLength: 0 })).outcome).toBe('good');
  });

  test.each([
    ['source', { sourceLba: 2047 }, '12000001', '800078'],
    ['destination', { lba: 2047 }, '00120001', '800080'],
  ] as const)(
    'a range beyond the end of the %s: its answer is in the sense',
    (_, where, pointers, field) => {
      const { task, isUntouched } = fault(blocks(2, { ...acrossUnits, ...where }));
      const seen = [task.outcome, commandSpecific(task), task.fieldPointer];
      expect(seen).toEqual(['a/00/00', pointers, field]);
      const answer = task.result!.sense.subarray(18);
      // CHECK CONDITION, then fixed sense: LOGICAL BLOCK ADDRESS OUT OF RANGE.
      expect([answer[0], answer[1], answer[3], answer[13]]).toEqual([0x02, 0x70, 0x05, 0x21]);
      expect(isUntouched).toBe(true);
    },
  );

  test('source and destination that overlap', () => {
    const { task, isUntouched } = fault(blocks(9, { from: 1, to: 1, sourceLba: 0, lba: 8 }));
    expect([task.outcome, task.fieldPointer]).toEqual(['a/26/0c', '800080']);
    expect(isUntouched).toBe(true);
    expect(fault(blocks(8, { from: 1, to: 1, sourceLba: 0, lba: 8 })).task.outcome).toBe('good');
  });

  test('a unit that another initiator has reserved: RESERVATION CONFLICT is its answer', () => {
    const { task, isUntouched } = fault(blocks(1, acrossUnits), ({ target }) => {
      const other = new Host(target, 'other');
      other.settle(lun1);
      expect(other.send('16 00 00 00 00 00', { lun: lun1 }).outcome).toBe('good');
    });
    const seen = [task.outcome, commandSpecific(task), task.fieldPointer];
    expect(seen).toEqual(['a/00/00', '00120000', '800056']);
    const { sense } = task.result!;
    expect([sense[18], sense.length, isUntouched]).toEqual([0x18, 19, true]);
  });

  test('more than MAXIMUM SEGMENT LENGTH', () => {
    const { task } = fault(bytesWithOffset(0x1000_0200, acrossUnits));
    expect([task.outcome, task.fieldPointer]).toEqual(['a/26/00', '800074']);
  });

  test('a destination that takes no writes', () => {
    const { task, isUntouched } = fault(blocks(1, { from: 1, to: 0 }), ({ source }) => {
      source.readOnly = true;
    });
    const seen = [task.outcome, commandSpecific(task), task.fieldPointer];
    expect(seen).toEqual(['a/00/00', '00120001', '800072']);
    const answer = task.result!.sense.subarray(18);
    expect([answer[3], answer[13], isUntouched]).toEqual([0x07, 0x27, true]);
  });

  test('an unreadable source and a full pool are told as the unit would, in both formats', () => {
    const read = fault(blocks(1, acrossUnits), ({ destination }) => {
      destination.failures.push({ code: 'unreadable', lba: 2 });
      destination.blocksBeforeFailure = 2;
    });
    expect(commandSpecific(read.task)).toBe('12000000');
    expect(
      read.destination
        .peek(900, 3)
        .slice(1024)
        .every((byte) => byte === 0),
    ).toBe(true);
    const full = setUp();
    full.host.send('15 10 00 00 10 00', {
      dataOut: Uint8Array.from(Buffer.from('000000000a0a041000000000ffff0000', 'hex')),
    });
    full.destination.failures.push({ code: 'space-exhausted' });
    const task = full.copy(lid1(full.both, [blocks(1, acrossUnits)]));
    expect(hex(task.result!.sense)).toBe(
      '720a0d0100000018' + // COPY ABORTED, THIRD PARTY DEVICE FAILURE
        '010a00000000000000000000' + // the segment
        '0c0a0202' + // of the destination, CHECK CONDITION
        '7207270700000000',
    );
  });
});

describe('which logical units an initiator can copy from and to', () => {
  /** Another target shows another volume; the same initiator is logged in there, or not. */
  function elsewhere(options: { mayReach: boolean; isLoggedIn: boolean; name?: string }) {
    const world = setUp();
    const other = new ScsiTarget(world.units);
    const hidden = new MemoryDevice({ blocks: 2048 });
    other.mapLun(7, hidden);
    const host = new Host(world.target, 'copier', {}, { mayReach: () => options.mayReach });
    host.settle();
    const there = { targetName: 'iqn.2024-01.com.example:other' };
    const second = options.isLoggedIn ? new Host(other, options.name ?? 'copier', {}, there) : null;
    second?.settle('0007000000000000');
    const list = lid1([cscd(hidden), cscd(world.source)], [blocks(1, { ...acrossUnits, lba: 99 })]);
    return {
      ...world,
      other,
      hidden,
      host,
      send: () => host.send(copyOut('00', list), { dataOut: list }),
    };
  }

  test('those of a target where it is logged in too, with what it proved here', () => {
    expect(elsewhere({ mayReach: true, isLoggedIn: true }).send().outcome).toBe('good');
  });

  test.each([
    ['it is not logged in to', { mayReach: true, isLoggedIn: false }],
    ['what it proved here would not let it in to', { mayReach: false, isLoggedIn: true }],
    ['another initiator is logged in to', { mayReach: true, isLoggedIn: true, name: 'other' }],
  ])('none of a target that %s', (_, options) => {
    expect(elsewhere(options).send().outcome).toBe('a/0d/02');
  });

  test('one whose LUN is unmapped under the copy takes part in no further step', () => {
    const { other, hidden, host, source } = elsewhere({ mayReach: true, isLoggedIn: true });
    const segments = [
      blocks(1, { ...acrossUnits, lba: 99 }),
      blocks(1, { ...acrossUnits, lba: 98 }),
    ];
    const list = lid1([cscd(hidden), cscd(source)], segments);
    source.holding = true;
    const task = host.send(copyOut('00', list), { dataOut: list });
    let isFree = false;
    other.unmapLun(7, () => {
      isFree = true;
    });
    expect([task.outcome, isFree]).toEqual(['pending', false]);
    source.release();
    expect([task.outcome, commandSpecific(task), isFree]).toEqual(['a/0d/01', '12000001', true]);
  });
});

describe('a copy under way', () => {
  function held(list: (both: readonly string[]) => Uint8Array, action = '01') {
    const world = setUp();
    world.destination.holding = true;
    const task = world.copy(list(world.both), action);
    return { ...world, task };
  }
  const twoSegments = [
    blocks(8, { ...acrossUnits, lba: 100 }),
    blocks(8, { ...acrossUnits, lba: 200 }),
  ];

  test('ends as ABORT TASK asks, between two steps; what is copied stays', () => {
    const { task, host, destination } = held((both) => lid4(both, twoSegments));
    const answer = host.abortTask(task.tag);
    expect(answer.outcome).toBe(null);
    destination.release();
    expect([task.outcome, answer.outcome, destination.heldCount]).toEqual([
      'dropped',
      'complete',
      0,
    ]);
  });

  test('keeps its list identifier for itself', () => {
    const { copy, both, task, destination } = held((all) => lid4(all, twoSegments, { listId: 9 }));
    expect(copy(lid4(both, [], { listId: 9 }), '01').outcome).toBe('5/00/16');
    expect(copy(lid4(both, [], { listId: 8 }), '01').outcome).toBe('good');
    destination.holding = false;
    destination.release();
    expect(task.outcome).toBe('good');
    expect(copy(lid4(both, [], { listId: 9 }), '01').outcome).toBe('good');
  });

  test('shows its progress, and its outcome after', () => {
    const { host, destination } = held((both) => lid4(both, twoSegments, { listId: 9 }));
    const status = (): string => hex(host.send(copyIn('05', 9, 'lid4')).dataIn);
    destination.release();
    expect(status()).toBe(
      '0000001c 01 11 0002 00000064 00 00 00 00 0000000000001000 0001 000000000000'.replaceAll(
        ' ',
        '',
      ),
    );
    destination.release();
    expect(status()).toBe(
      '0000001c 01 01 0002 ffffffff 00 00 00 00 0000000000002000 0002 000000000000'.replaceAll(
        ' ',
        '',
      ),
    );
  });

  test('with IMMED goes on when its command was answered, and its failure is kept', () => {
    const { host, task, destination } = held((both) =>
      lid4(both, twoSegments, { listId: 9, immed: true }),
    );
    expect(task.outcome).toBe('good');
    expect(host.send(copyIn('05', 9, 'lid4')).dataIn[5]).toBe(0x12);
    destination.release();
    destination.failures.push({ code: 'write-failed' });
    destination.release();
    const status = host.send(copyIn('05', 9, 'lid4')).dataIn;
    const senseBytes = status[14] ?? 0;
    expect([status[5], status[12], senseBytes, (status[13] ?? 0) % 4]).toEqual([2, 2, 37, 0]);
    expect(hex(status.subarray(32, 34))).toBe('7000');
    expect(status[34]).toBe(0x0a);
  });

  test.each(['logicalUnitReset', 'detach', 'unmap'] as const)(
    'with IMMED is stopped by %s, which waits for it',
    (what) => {
      const { host, target, destination } = held((both) =>
        lid4(both, twoSegments, { listId: 9, immed: true }),
      );
      let isOver = false;
      const done = (): void => {
        isOver = true;
      };
      if (what === 'logicalUnitReset') target.logicalUnitReset(host.nexus, new Uint8Array(8), done);
      else if (what === 'detach') target.detach(host.nexus, done);
      else target.unmapLun(0, done);
      expect(isOver).toBe(false);
      destination.release();
      expect([isOver, destination.heldCount]).toEqual([true, 0]);
    },
  );

  test.each([
    ['logicalUnitReset', '01', false],
    ['logicalUnitReset', '01', true],
    ['clearTaskSet', '01', false],
    ['clearTaskSet', '00', false],
  ] as const)(
    'is stopped by %s of its destination, which waits for it (service action %s, IMMED %s)',
    (what, action, immed) => {
      const { host, target, task, destination } = held(
        (both) =>
          action === '00'
            ? lid1(both, twoSegments, { listId: 9 })
            : lid4(both, twoSegments, { listId: 9, immed }),
        action,
      );
      const other = new Host(target, 'host-b');
      other.settle(lun1);
      const answer = other.manage(what, lun1);
      expect(answer.outcome).toBe(null);
      destination.release();
      expect([answer.outcome, destination.heldCount]).toEqual(['complete', 0]);
      expect(task.outcome).toBe(immed ? 'good' : 'a/00/00');
      // The unit that was asked for it was not reset: it remembers the copy.
      const status =
        action === '00'
          ? host.send(copyIn('00', 9, 'lid1')).dataIn[4]
          : host.send(copyIn('05', 9, 'lid4')).dataIn[5];
      expect(status).toBe(action === '00' ? 0x02 : 0x60);
      expect(destination.peek(200, 8).every((byte) => byte === 0)).toBe(true);
    },
  );

  test('goes on after an ABORT TASK SET of its destination, where it is no task of that nexus', () => {
    const { host, task, destination } = held((both) => lid4(both, twoSegments));
    expect(host.manage('abortTaskSet', lun1).outcome).toBe('complete');
    destination.release();
    destination.release();
    expect(task.outcome).toBe('good');
  });

  test('is stopped by COPY OPERATION ABORT, which is answered after it', () => {
    const { host, task, destination } = held((both) => lid4(both, twoSegments, { listId: 9 }));
    const abort = host.send('83 1C 00 00 00 09 00 00 00 00 00 00 00 00 00 00');
    expect(abort.outcome).toBe('pending');
    destination.release();
    expect([task.outcome, abort.outcome]).toEqual(['a/00/00', 'good']);
    expect(host.send(copyIn('05', 9, 'lid4')).dataIn[5]).toBe(0x60);
    const again = host.send('83 1C 00 00 00 09 00 00 00 00 00 00 00 00 00 00');
    expect([again.outcome, again.fieldPointer]).toEqual(['5/24/00', 'c00002']);
  });

  test('64 of a nexus may be under way', () => {
    const { copy, both, destination } = held((all) => lid4(all, twoSegments, { listId: 1000 }));
    for (let listId = 1; listId < 64; listId += 1) {
      expect(copy(lid4(both, twoSegments, { listId, immed: true }), '01').outcome).toBe('good');
    }
    expect(copy(lid4(both, twoSegments, { listId: 64 }), '01').outcome).toBe('5/55/03');
    destination.holding = false;
    destination.release();
    expect(copy(lid4(both, twoSegments, { listId: 64 }), '01').outcome).toBe('good');
  });
});
