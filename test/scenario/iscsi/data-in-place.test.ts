/**
 * Data-Out that the kernel puts where it belongs: whenever commands get their memory, end, are aborted or give it
 * back, in the middle of a PDU too, each has its own data, and keeps them until it gives them back.
 */
import fc from 'fast-check';
import { decodeReadyToTransfer } from '../../../iscsi/pdu/ready-to-transfer.ts';
import { TargetOpcode } from '../../../iscsi/pdu/opcode.ts';
import type { ScsiTask } from '../../../iscsi/scsi/task.ts';
import { good, type FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import { World, type Joined } from '../../initiator/joined.ts';
import { OPERATIONAL } from '../../initiator/scripted-initiator.ts';

const FIRST_BURST = 4096;
const MOST_IN_PDU = 5000;

const step = fc.record({
  act: fc.constantFrom('write', 'write', 'arrive', 'arrive', 'solicit', 'solicit', 'end', 'abort'),
  which: fc.nat(20),
  // Many of one size, so that memory goes from one command to the next.
  bytes: fc.oneof(fc.integer({ min: 5000, max: 8192 }), fc.integer({ min: 1, max: 20_000 })),
  unasked: fc.constantFrom(0, 0, 700, FIRST_BURST, FIRST_BURST),
  immediate: fc.boolean(),
  pieces: fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 4 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Of each command another: what one has of another's shows. */
const dataOf = (itt: number, from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, n) => (itt * 101 + (from + n) * 7) % 251);

class Writes {
  readonly #world = new World();
  readonly #device: FakeDeviceServer;
  readonly #link: Joined;
  readonly #lengths = new Map<number, number>();
  readonly #waiting: ScsiTask[] = [];
  readonly #soliciting: ScsiTask[] = [];
  readonly #having: ScsiTask[] = [];
  #onTheWay: Uint8Array = new Uint8Array(0);
  arrived = 0;

  constructor(digest: string) {
    this.#device = this.#world.directory.add();
    this.#device.onSubmit = (task) => this.#waiting.push(task);
    this.#device.onArrived = (task) => {
      this.arrived++;
      this.#soliciting.splice(this.#soliciting.indexOf(task), 1);
      this.#having.push(task);
      this.#check(task);
    };
    const keys = OPERATIONAL.filter(([key]) => !/Digest|BurstLength/.test(key));
    this.#link = this.#world.session([
      ...keys,
      ['HeaderDigest', digest],
      ['DataDigest', digest],
      ['MaxBurstLength', '8192'],
      ['FirstBurstLength', String(FIRST_BURST)],
    ]);
  }

  #check(task: ScsiTask): void {
    const expected = dataOf(task.tag, 0, this.#lengths.get(task.tag) ?? 0);
    expect(Buffer.compare(task.dataOut, expected)).toBe(0);
  }

  do(s: Step): void {
    this.#do(s);
    this.#world.clock.settle();
  }

  #do(s: Step): void {
    const pick = (from: ScsiTask[]): ScsiTask | undefined =>
      from.splice(s.which % from.length, 1)[0];
    const sent = this.#link.initiator.held(() => {
      if (s.act === 'write') this.#write(s);
      this.#answerR2Ts();
    });
    this.#onTheWay = Buffer.concat([this.#onTheWay, sent]);
    if (s.act === 'arrive') this.#arrive(s.pieces);
    if (s.act === 'solicit') this.#solicit(pick(this.#waiting));
    if (s.act === 'end') this.#end(pick(this.#having));
    if (s.act === 'abort') {
      this.#abort(
        pick([this.#soliciting, this.#soliciting, this.#waiting, this.#having][s.bytes % 4]!),
      );
    }
  }

  #write({ bytes, unasked, immediate }: Step): void {
    const { initiator } = this.#link;
    const first = Math.min(bytes, unasked);
    // Its own tag by its number: no other command has the same data.
    const itt = initiator.itt + 1;
    this.#lengths.set(itt, bytes);
    const data = dataOf(itt, 0, first);
    const final = immediate || first === 0;
    initiator.command({ writeBytes: bytes, final, ...(immediate ? { immediateData: data } : {}) });
    if (!final) initiator.dataOut(itt, { dataSN: 0, bufferOffset: 0, final: true }, data);
  }

  #answerR2Ts(): void {
    for (const { opcode, header } of this.#link.initiator.take()) {
      if (opcode !== TargetOpcode.readyToTransfer) continue;
      const { itt, ttt, bufferOffset, desiredDataTransferLength } = decodeReadyToTransfer(header);
      const end = bufferOffset + desiredDataTransferLength;
      for (let at = bufferOffset, dataSN = 0; at < end; dataSN++) {
        const next = Math.min(end, at + MOST_IN_PDU);
        const fields = { ttt, dataSN, bufferOffset: at, final: next === end };
        this.#link.initiator.dataOut(itt, fields, dataOf(itt, at, next));
        at = next;
      }
    }
  }

  #arrive(pieces: readonly number[]): void {
    for (const piece of pieces) {
      this.#link.arrive(this.#onTheWay.subarray(0, piece));
      this.#onTheWay = this.#onTheWay.subarray(piece);
    }
  }

  #solicit(task: ScsiTask | undefined): void {
    if (task === undefined) return;
    this.#soliciting.push(task);
    task.solicit(task.expectedDataOutBytes, true);
  }

  #end(task: ScsiTask | undefined): void {
    if (task === undefined) return;
    // Nobody wrote to them since they arrived.
    this.#check(task);
    const bytes = task.dataOut.length;
    task.giveBackData();
    task.complete(good([], bytes));
  }

  #abort(task: ScsiTask | undefined): void {
    if (task === undefined) return;
    task.aborted = true;
    if (this.#device.arrived.includes(task)) task.giveBackData();
    task.dropped();
  }

  /** All that was begun and not aborted ends. */
  finish(): void {
    const rest = { which: 0, bytes: 1, unasked: 0 as const, immediate: false, pieces: [Infinity] };
    const acts = ['solicit', 'arrive', 'end'] as const;
    const left = (): number => this.#waiting.length + this.#soliciting.length + this.#having.length;
    for (let turn = 0; turn < 200 && left() > 0; turn++) {
      for (const act of acts) this.do({ act, ...rest });
    }
    expect(left()).toBe(0);
  }
}

test.each(['None', 'CRC32C'])('each command has its own data, with digest %s', (digest) => {
  let arrived = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 80 }), (steps) => {
      const writes = new Writes(digest);
      for (const each of steps) writes.do(each);
      writes.finish();
      arrived += writes.arrived;
    }),
    { numRuns: 150 },
  );
  expect(arrived).toBeGreaterThan(500);
});
