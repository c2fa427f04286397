/**
 * A session in full feature phase, as far as SCSI goes [RFC 7143 §4.2.2, §4.2.5]: the command window,
 * its tasks, and what the device server says to them. One connection carries it (MaxConnections 1,
 * ErrorRecoveryLevel 0); when that breaks, the session is over and its tasks are ended.
 *
 * Invariants: commands enter the device server in the order of CmdSN; a task keeps its tag until its
 * status is on the wire; the data of commands under way stays within `maxTransferBytes`, but for one
 * command that is bigger by itself.
 */
import { copyTo } from '../../src/base/bytes.ts';
import { add32 } from '../../src/base/serial.ts';
import type { LoginIdentity } from '../login/login.ts';
import type { Parameters } from '../login/parameters.ts';
import { decodeAdditionalHeader } from '../pdu/additional-header.ts';
import { cmdSNOf, isFinal, isImmediate, ittOf } from '../pdu/basic-header.ts';
import { dataOutBufferOffset, dataOutDataSN, dataOutTtt } from '../pdu/data-out.ts';
import { HEADER_BYTES, RESERVED_TAG } from '../pdu/fields.ts';
import type { IncomingPdu } from '../pdu/pdu-receiver.ts';
import { rejected } from '../pdu/protocol-error.ts';
import { encodeReadyToTransfer } from '../pdu/ready-to-transfer.ts';
import { RejectReason } from '../pdu/reject.ts';
import { CDB_BYTES, decodeScsiCommand, type ScsiCommand } from '../pdu/scsi-command.ts';
import { TaskAttribute, type DeviceServer, type Nexus } from '../scsi/task.ts';
import { TagMap } from '../tag-map.ts';
import type { Target } from '../target/directory.ts';
import type { CommandWindow } from './command-window.ts';
import type { DataBuffers } from './data-buffers.ts';
import type { Limits } from './limits.ts';
import type { Outbox, WindowNumbers } from './outbox.ts';
import { SessionTask, type TaskOwner } from './session-task.ts';
import type { TransferBudget } from './transfer-budget.ts';
import { TransferFault, type DataOutFields, type Solicitation } from './write-transfer.ts';

const EMPTY = new Uint8Array(0);
const attributes: readonly TaskAttribute[] = Object.values(TaskAttribute);

export interface SessionOptions {
  readonly identity: LoginIdentity & { readonly target: Target };
  readonly nexus: Nexus;
  readonly parameters: Parameters;
  readonly window: CommandWindow;
  readonly outbox: Outbox;
  readonly limits: Limits;
  readonly transfers: TransferBudget;
}

export class Session implements TaskOwner {
  readonly target: Target;
  readonly device: DeviceServer;
  readonly nexus: Nexus;
  readonly parameters: Parameters;
  readonly window: CommandWindow;
  readonly outbox: Outbox;
  readonly tasks = new TagMap<SessionTask>();
  /** Commands that the device server hasn't got yet, in order. */
  readonly #waiting: SessionTask[] = [];
  readonly #limits: Limits;
  readonly #transfers: TransferBudget;
  #chargedBytes = 0;
  #immediateUnderWay = 0;
  #arrivals = 0;
  #ttt = 0;
  #over = false;
  #unblocking = false;

  constructor(options: SessionOptions) {
    this.target = options.identity.target;
    this.device = options.identity.target.device;
    this.nexus = options.nexus;
    this.parameters = options.parameters;
    this.window = options.window;
    this.outbox = options.outbox;
    this.#limits = options.limits;
    this.#transfers = options.transfers;
  }

  get buffers(): DataBuffers {
    return this.#transfers.buffers;
  }

  get windowNumbers(): WindowNumbers {
    return this.window;
  }

  /** The number of the last command that arrived: those before a task management function. */
  get arrivals(): number {
    return this.#arrivals;
  }

  command(pdu: IncomingPdu): void {
    const { header, at } = pdu;
    const immediate = isImmediate(header, at);
    const arrival = immediate ? 'next' : this.window.arrival(cmdSNOf(header, at));
    if (arrival === 'outside') return;
    // Whatever comes of it, a command that is in the window has been received.
    if (!immediate && arrival === 'next') this.window.take();
    const task = this.#taskOf(pdu);
    if (arrival === 'ahead') {
      task.write?.keepImmediate();
      this.window.hold(task.cmdSN, () => {
        // It may have been aborted since.
        if (task.state === 'waiting') this.#enter(task);
      });
      return;
    }
    this.#enter(task);
    // The buffer that the PDU came in is about to be reused.
    task.write?.keepImmediate();
    this.window.runHeld();
  }

  #taskOf(pdu: IncomingPdu): SessionTask {
    try {
      return this.#makeTask(pdu);
    } finally {
      this.window.widen();
    }
  }

  #makeTask(pdu: IncomingPdu): SessionTask {
    const command = decodeScsiCommand(pdu.header, pdu.at);
    if (this.tasks.has(command.itt)) {
      throw rejected(RejectReason.taskInProgress, `task ${command.itt} is under way`);
    }
    if (command.itt === RESERVED_TAG) {
      throw rejected(RejectReason.invalidPduField, 'a command with the reserved tag');
    }
    const attribute = attributes[command.attribute];
    if (attribute === undefined) {
      throw rejected(RejectReason.invalidPduField, 'a reserved task attribute');
    }
    if (command.immediate && this.#immediateUnderWay >= this.#limits.maxImmediateCommands) {
      throw rejected(RejectReason.immediateCommandReject, 'too many immediate commands');
    }
    const { cdb, bidirectionalReadBytes } = additional(pdu, command.cdb);
    const rest = { attribute, cdb, bidirectionalReadBytes };
    const task = new SessionTask(this, this.nexus, command, rest);
    this.tasks.set(task.tag, task);
    if (task.immediate) this.#immediateUnderWay++;
    else this.window.began();
    this.#takeUnsolicited(task, command, pdu);
    return task;
  }

  #takeUnsolicited(task: SessionTask, command: ScsiCommand, pdu: IncomingPdu): void {
    const { write } = task;
    if (write === null) return;
    const { ImmediateData, InitialR2T } = this.parameters;
    const hasImmediate = pdu.dataBytes > 0;
    const forbidden = (hasImmediate && !ImmediateData) || (!command.final && InitialR2T);
    if (forbidden) write.refuse(TransferFault.unexpectedUnsolicitedData);
    write.begin(hasImmediate && !forbidden ? pdu : null, !command.final);
  }

  #enter(task: SessionTask): void {
    task.order = ++this.#arrivals;
    if (this.#waiting.length > 0 || !this.#fits(task)) this.#waiting.push(task);
    else this.#submit(task);
  }

  #fits(task: SessionTask): boolean {
    const bytes = task.expectedDataInBytes + task.expectedDataOutBytes;
    return (
      bytes === 0 ||
      this.#chargedBytes === 0 ||
      (this.#chargedBytes + bytes <= this.#limits.maxTransferBytes && this.#transfers.fits(bytes))
    );
  }

  #submit(task: SessionTask): void {
    task.chargedBytes = task.expectedDataInBytes + task.expectedDataOutBytes;
    this.#chargedBytes += task.chargedBytes;
    this.#transfers.charge(task.chargedBytes);
    task.state = 'submitted';
    this.device.submit(task);
  }

  /** Data-Out of a task that is gone is dropped without a word: it was on its way. */
  place(pdu: IncomingPdu): Uint8Array | null {
    const write = this.tasks.get(ittOf(pdu.header, pdu.at))?.write ?? null;
    return write === null ? null : write.place(fieldsOf(pdu));
  }

  dataOut(pdu: IncomingPdu): void {
    const { header, at } = pdu;
    const write = this.tasks.get(ittOf(header, at))?.write ?? null;
    if (write === null) return;
    if (!pdu.placed) {
      const place = write.place(fieldsOf(pdu));
      if (place !== null) copyTo(place, 0, pdu.data, pdu.dataAt, pdu.dataAt + pdu.dataBytes);
    }
    write.end(dataOutTtt(header, at), isFinal(header, at), true);
  }

  /** The data of a Data-Out is damaged: the command fails, the session lives [§7.8]. */
  dataOutLost(pdu: IncomingPdu): void {
    const { header, at } = pdu;
    const write = this.tasks.get(ittOf(header, at))?.write ?? null;
    if (write === null) return;
    if (!pdu.placed) write.place(fieldsOf(pdu));
    write.end(dataOutTtt(header, at), isFinal(header, at), false);
  }

  nextTargetTransferTag(): number {
    this.#ttt = add32(this.#ttt, 1);
    if (this.#ttt === RESERVED_TAG) this.#ttt = 0;
    return this.#ttt;
  }

  sendR2T(task: SessionTask, solicitation: Solicitation): void {
    const { ttt, r2tSN, bufferOffset, lengthBytes } = solicitation;
    const { lun, tag: itt } = task;
    const pdu = { lun, itt, ttt, r2tSN, bufferOffset, desiredDataTransferLength: lengthBytes };
    this.outbox.answer({
      takesStatSN: false,
      data: EMPTY,
      encode: (numbering, into, at) => {
        encodeReadyToTransfer(pdu, numbering, into, at);
      },
    });
  }

  respond(task: SessionTask): void {
    if (this.#over) task.end();
    else this.outbox.command(task);
  }

  leave(task: SessionTask): void {
    this.tasks.delete(task.tag);
    this.#chargedBytes -= task.chargedBytes;
    this.#transfers.release(task.chargedBytes);
    if (task.immediate) this.#immediateUnderWay--;
    else this.window.ended();
    this.#unblock();
  }

  /** Ends a task that the device server doesn't have, or has done with. */
  cancel(task: SessionTask): void {
    const index = this.#waiting.indexOf(task);
    if (index >= 0) this.#waiting.splice(index, 1);
    this.outbox.withdraw(task);
    task.end();
  }

  #unblock(): void {
    if (this.#unblocking || this.#over) return;
    this.#unblocking = true;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#fits(next)) break;
      this.#waiting.shift();
      this.#submit(next);
    }
    this.#unblocking = false;
  }

  get isIdle(): boolean {
    return this.tasks.size === 0;
  }

  /** Nothing more is sent for its tasks; `done` when they can do nothing more either. */
  end(done: () => void): void {
    this.#over = true;
    this.outbox.withdrawCommands();
    for (const task of [...this.tasks.values()]) {
      if (task.state !== 'submitted') this.cancel(task);
    }
    this.device.detach(this.nexus, done);
  }
}

const fieldsOf = ({ header, at, dataBytes }: IncomingPdu): DataOutFields => ({
  ttt: dataOutTtt(header, at),
  dataSN: dataOutDataSN(header, at),
  bufferOffset: dataOutBufferOffset(header, at),
  dataBytes,
});

function additional(
  pdu: IncomingPdu,
  cdb: Uint8Array,
): { cdb: Uint8Array; bidirectionalReadBytes: number } {
  if (pdu.ahsBytes === 0) return { cdb, bidirectionalReadBytes: 0 };
  const ahs = decodeAdditionalHeader(pdu.header, pdu.at + HEADER_BYTES, pdu.ahsBytes);
  if (ahs === null) {
    throw rejected(RejectReason.invalidPduField, 'malformed additional header segments');
  }
  const whole = new Uint8Array(CDB_BYTES + ahs.extendedCdb.length);
  whole.set(cdb);
  whole.set(ahs.extendedCdb, CDB_BYTES);
  return { cdb: whole, bidirectionalReadBytes: ahs.bidirectionalReadBytes ?? 0 };
}
