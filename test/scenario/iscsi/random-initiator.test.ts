/**
 * An initiator that keeps to no rules, and a device server that answers in any order: whatever comes,
 * the target throws nothing, stays within its window, answers no tag twice, and has nothing left
 * when the connection is gone.
 */
import fc from 'fast-check';
import { decodeReadyToTransfer } from '../../../iscsi/pdu/ready-to-transfer.ts';
import type { ScsiTask } from '../../../iscsi/scsi/task.ts';
import { good, type FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import { World, type Joined } from '../../initiator/joined.ts';
import { frame } from '../../initiator/wire-format.ts';

const WINDOW = 8;

const tag = fc.integer({ min: 1, max: 6 });
const size = fc.constantFrom(0, 1, 512, 1000, 4096, 9000);
const fields = fc.record({
  tag,
  size,
  sent: size,
  offset: fc.constantFrom(0, 0, 0, 512, 4096),
  number: fc.constantFrom(0, 0, 0, 1, 2, 0xffff_ffff),
  ahead: fc.constantFrom(0, 0, 0, 0, 1, 2, WINDOW, -1),
  flag: fc.boolean(),
  code: fc.integer({ min: 0, max: 9 }),
  ttt: fc.constantFrom('open', 'open', 'none', 'odd'),
  noise: fc.uint8Array({ minLength: 48, maxLength: 48 }),
  cut: fc.integer({ min: 1, max: 3000 }),
});
type Fields = typeof fields extends fc.Arbitrary<infer T> ? T : never;

const step = fc.record({
  act: fc.constantFrom(
    'command',
    'read',
    'write',
    'write',
    'dataOut',
    'dataOut',
    'manage',
    'nop',
    'text',
    'noise',
    'complete',
    'complete',
    'solicit',
    'solicit',
    'managed',
    'slow',
    'take',
  ),
  fields,
});

class Chaos {
  readonly world = new World({ commandWindow: WINDOW, maxTransferBytes: 16_384 });
  readonly device: FakeDeviceServer;
  readonly link: Joined;
  readonly live = new Set<ScsiTask>();
  readonly solicited = new Set<ScsiTask>();
  readonly #managed = new Set<number>();
  #openTags: number[] = [];
  #onTheWay: Uint8Array = new Uint8Array(0);

  constructor() {
    this.device = this.world.directory.add();
    this.device.onSubmit = (task) => this.live.add(task);
    const finish = (task: ScsiTask): void => void this.live.delete(task);
    this.device.dataFailed = (task) => {
      finish(task);
      task.complete(good());
    };
    this.device.onArrived = (task) => {
      expect(task.dataOut.length).toBeLessThanOrEqual(task.expectedDataOutBytes);
      finish(task);
      task.complete(good([], task.dataOut.length));
    };
    this.device.detach = (_nexus, done) => {
      for (const task of this.live) this.#drop(task);
      this.live.clear();
      done();
    };
    this.link = this.world.session([
      ['InitialR2T', 'No'],
      ['MaxBurstLength', '2048'],
      ['FirstBurstLength', '1024'],
      ['MaxOutstandingR2T', '2'],
      ['MaxRecvDataSegmentLength', '512'],
    ]);
  }

  #drop(task: ScsiTask): void {
    task.aborted = true;
    task.dropped();
  }

  /** What the initiator sends in a step arrives in part: the rest with what comes next. */
  act(name: string, f: Fields): void {
    const sent = this.link.initiator.held(() => this.#act(name, f));
    const onTheWay = Buffer.concat([this.#onTheWay, sent]);
    this.link.arrive(onTheWay.subarray(0, f.cut));
    this.#onTheWay = onTheWay.subarray(f.cut);
    this.#look();
  }

  #act(name: string, f: Fields): void {
    const { initiator } = this.link;
    const data = new Uint8Array(f.sent);
    const cmdSN = initiator.cmdSN + f.ahead;
    const numbers = f.ahead === 0 ? {} : { cmdSN: cmdSN >>> 0 };
    const common = { itt: f.tag, immediate: f.code === 9, attribute: f.code % 8, ...numbers };
    switch (name) {
      case 'command':
        initiator.command(common);
        break;
      case 'read':
        initiator.command({ ...common, readBytes: f.size });
        break;
      case 'write':
        initiator.command({ ...common, writeBytes: f.size, immediateData: data, final: f.flag });
        break;
      case 'dataOut':
        initiator.dataOut(
          f.tag,
          { ...this.#ttt(f), dataSN: f.number, bufferOffset: f.offset, final: f.flag },
          data,
        );
        break;
      case 'manage':
        initiator.manage(f.code, { referencedTaskTag: f.tag, refCmdSN: cmdSN >>> 0 });
        break;
      case 'nop':
        initiator.nop({ data, immediate: f.flag });
        break;
      case 'text':
        initiator.text(data, { final: f.flag, continues: !f.flag });
        break;
      case 'noise':
        // A header of anything, of lengths that can be framed.
        initiator.sendBytes(
          frame((into) => {
            into.set(f.noise);
            into.fill(0, 4, 8);
          }),
        );
        break;
      default:
        this.#device(name, f);
    }
  }

  #ttt({ ttt, number }: Fields): { ttt?: number } {
    if (ttt === 'none') return {};
    return { ttt: ttt === 'odd' ? 4711 : (this.#openTags[number] ?? 1) };
  }

  #device(name: string, f: Fields): void {
    const task = [...this.live][f.code % Math.max(1, this.live.size)];
    if (name === 'slow') this.link.slow = true;
    else if (name === 'take') this.link.takeOne();
    else if (name === 'managed') this.#manage(f);
    else if (task !== undefined && name === 'complete') {
      this.live.delete(task);
      task.complete(good([new Uint8Array(f.size)], f.sent));
    } else if (task !== undefined && !this.solicited.has(task)) {
      this.solicited.add(task);
      task.solicit(f.size);
    }
    this.world.clock.settle();
  }

  #manage(f: Fields): void {
    this.device.management.forEach((call, index) => {
      if (this.#managed.has(index)) return;
      this.#managed.add(index);
      for (const task of [...this.live]) {
        if (f.flag && (call.tag === null || call.tag === task.tag)) {
          this.live.delete(task);
          this.#drop(task);
        }
      }
      call.done('complete');
    });
  }

  #look(): void {
    expect(this.live.size).toBeLessThanOrEqual(WINDOW + this.world.limits.maxImmediateCommands);
    for (const { opcode, header } of this.link.initiator.take()) {
      if (opcode === 0x31) this.#openTags.unshift(decodeReadyToTransfer(header).ttt);
      const [expCmdSN, maxCmdSN] = [28, 32].map((at) => Buffer.from(header).readUInt32BE(at));
      expect((maxCmdSN! - expCmdSN! + 1) >>> 0).toBeLessThanOrEqual(WINDOW);
    }
    this.#openTags = this.#openTags.slice(0, 8);
  }

  end(): void {
    this.link.cut();
    expect(this.live.size).toBe(0);
    expect(this.world.registry.size).toBe(0);
  }
}

test('whatever an initiator sends, nothing is thrown and nothing is left', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const chaos = new Chaos();
      for (const { act, fields: f } of steps) chaos.act(act, f);
      chaos.end();
    }),
    { numRuns: 600 },
  );
});

test('a login of any bytes ends in an answer or a close', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 255 })), {
        maxLength: 8,
      }),
      (requests) => {
        const world = new World();
        world.directory.add();
        const link = world.connect();
        for (const [text, flags] of requests) {
          link.initiator.send(
            (into) => {
              into[0] = 0x43;
              into[1] = flags;
            },
            { data: text },
          );
        }
        link.cut();
        expect(world.registry.size).toBe(0);
      },
    ),
    { numRuns: 500 },
  );
});
