/**
 * One SCSI command of a session: what the device server sees of it (`ScsiTask`), its Data-Out, and
 * its Data-In and status on their way out [RFC 7143 §11.4, §11.7].
 *
 *   waiting ─► submitted ─► responding ─► ended        (aborted: ─► ended at once)
 */
import { assert } from '../../src/base/assert.ts';
import type { DeviceServer, Nexus, ScsiTask, TaskAttribute, TaskResult } from '../scsi/task.ts';
import { Status } from '../scsi/task.ts';
import type { Parameters } from '../login/parameters.ts';
import type { ScsiCommand } from '../pdu/scsi-command.ts';
import { encodeDataIn } from '../pdu/data-in.ts';
import { encodeScsiResponse, encodeSense, noResidual, ResponseCode } from '../pdu/scsi-response.ts';
import type { Residual } from '../pdu/scsi-response.ts';
import type { DataBuffers } from './data-buffers.ts';
import type { CommandOutput, Numbers, WindowNumbers } from './outbox.ts';
import type { OutputBatch } from './output-batch.ts';
import { residualOf } from './residual.ts';
import { WriteTransfer, type Solicitation, type WriteTransferOwner } from './write-transfer.ts';
import type { TransferSense } from './write-transfer.ts';

export type TaskState = 'waiting' | 'submitted' | 'responding' | 'ended';

/** The session, as its tasks need it. */
export interface TaskOwner {
  readonly device: DeviceServer;
  readonly parameters: Parameters;
  readonly windowNumbers: WindowNumbers;
  /** For data that are lent. */
  readonly buffers: DataBuffers;
  nextTargetTransferTag(): number;
  sendR2T(task: SessionTask, solicitation: Solicitation): void;
  /** Its result may be sent. */
  respond(task: SessionTask): void;
  /** It leaves the session; called once for each task. */
  leave(task: SessionTask): void;
}

const EMPTY = new Uint8Array(0);

export class SessionTask implements ScsiTask, CommandOutput, WriteTransferOwner {
  readonly nexus: Nexus;
  readonly lun: Uint8Array;
  readonly cdb: Uint8Array;
  readonly attribute: TaskAttribute;
  readonly tag: number;
  readonly expectedDataInBytes: number;
  readonly expectedDataOutBytes: number;
  readonly immediate: boolean;
  readonly cmdSN: number;
  /** Null when no Data-Out is expected. */
  readonly write: WriteTransfer | null;
  dataOut: Uint8Array = EMPTY;
  aborted = false;
  whenUnheard: (() => void) | null = null;
  state: TaskState = 'waiting';
  /** Arrival in the session, counted up. */
  order = 0;
  /** What it counts in the session's budget of data, while the device server has it. */
  chargedBytes = 0;

  readonly #owner: TaskOwner;
  readonly #bidirectional: boolean;
  #result: TaskResult | null = null;
  #responseWaits = false;
  #dataBytes = 0;
  #sentBytes = 0;
  #dataSN = 0;
  #view = 0;
  #viewAt = 0;

  constructor(
    owner: TaskOwner,
    nexus: Nexus,
    command: ScsiCommand,
    rest: { cdb: Uint8Array; attribute: TaskAttribute; bidirectionalReadBytes: number },
  ) {
    const { read, write, expectedDataTransferLength: expected } = command;
    this.#owner = owner;
    this.nexus = nexus;
    this.lun = command.lun;
    this.cdb = rest.cdb;
    this.attribute = rest.attribute;
    this.tag = command.itt;
    this.immediate = command.immediate;
    this.cmdSN = command.cmdSN;
    this.#bidirectional = read && write;
    this.expectedDataOutBytes = write ? expected : 0;
    this.expectedDataInBytes = read ? (write ? rest.bidirectionalReadBytes : expected) : 0;
    this.write = write && expected > 0 ? new WriteTransfer(this, expected) : null;
  }

  // What a write transfer needs to know.

  get maxBurstLength(): number {
    return this.#owner.parameters.MaxBurstLength;
  }

  get firstBurstLength(): number {
    return this.#owner.parameters.FirstBurstLength;
  }

  get maxOutstandingR2T(): number {
    return this.#owner.parameters.MaxOutstandingR2T;
  }

  get buffers(): DataBuffers {
    return this.#owner.buffers;
  }

  nextTargetTransferTag(): number {
    return this.#owner.nextTargetTransferTag();
  }

  sendR2T(solicitation: Solicitation): void {
    if (this.state === 'submitted') this.#owner.sendR2T(this, solicitation);
  }

  arrived(data: Uint8Array): void {
    this.dataOut = data;
    if (this.state === 'submitted') this.#owner.device.dataArrived(this);
  }

  failed(sense: TransferSense): void {
    if (this.state === 'submitted') this.#owner.device.dataFailed(this, sense);
  }

  closed(): void {
    if (!this.#responseWaits || this.#result === null) return;
    this.#responseWaits = false;
    this.#respond(this.#result);
  }

  // What the device server calls.

  solicit(bytes: number, lent = false): void {
    if (this.state !== 'submitted') return;
    const wanted = Math.min(bytes, this.expectedDataOutBytes);
    if (this.write === null || wanted === 0) this.arrived(EMPTY);
    else this.write.solicit(wanted, lent);
  }

  giveBackData(): void {
    this.write?.giveBack();
  }

  complete(result: TaskResult): void {
    if (this.state === 'ended') {
      result.dataIn.release();
      this.whenUnheard?.();
      return;
    }
    assert(this.state === 'submitted', 'a task is completed once, after it was submitted');
    this.state = 'responding';
    this.#result = result;
    // While the initiator still sends what it was allowed to, its tag can't be free.
    if (this.write?.open === true) this.#responseWaits = true;
    else this.#respond(result);
  }

  dropped(): void {
    this.end();
  }

  /** Without a response: it was aborted. */
  end(): void {
    if (this.state === 'ended') return;
    const unheard = this.state === 'responding';
    this.state = 'ended';
    this.#release();
    this.dataOut = EMPTY;
    this.#owner.leave(this);
    if (unheard) this.whenUnheard?.();
  }

  /** Nothing more of its data is sent. */
  #release(): void {
    this.#result?.dataIn.release();
    this.#result = null;
  }

  #respond(result: TaskResult): void {
    this.#dataBytes = Math.min(result.dataInBytes, this.expectedDataInBytes);
    this.dataOut = EMPTY;
    this.#owner.respond(this);
  }

  // What the outbox calls.

  emit(batch: OutputBatch, numbers: Numbers): boolean {
    const result = this.#result;
    if (result === null) return true;
    // The last Data-In carries the status when there is no more to say than that [§11.7.3].
    const withStatus = result.status === Status.good && this.#dataBytes > 0 && !this.#bidirectional;
    while (this.#sentBytes < this.#dataBytes) {
      if (batch.isFull) return false;
      this.#emitDataIn(batch, numbers, result, withStatus);
    }
    if (!withStatus) {
      if (batch.isFull) return false;
      this.#emitResponse(batch, numbers, result);
    }
    this.#release();
    return true;
  }

  #emitDataIn(batch: OutputBatch, numbers: Numbers, result: TaskResult, withStatus: boolean): void {
    const { initiatorMaxRecvDataSegmentLength, MaxBurstLength } = this.#owner.parameters;
    const bufferOffset = this.#sentBytes;
    const burstLeft = MaxBurstLength - (bufferOffset % MaxBurstLength);
    const left = this.#dataBytes - bufferOffset;
    // Whoever sends may cut PDUs as it likes, but for the last of a sequence at whole words.
    const most = Math.min(initiatorMaxRecvDataSegmentLength, batch.dataRoom);
    const length = Math.min(most - (most % 4), burstLeft, left);
    const last = length === left;
    const ends = last && withStatus;
    this.#sentBytes += length;
    if (ends) this.#leave();
    numbers.take(this.#owner.windowNumbers, ends);
    const at = batch.openPdu(length);
    encodeDataIn(
      {
        final: last || length === burstLeft,
        itt: this.tag,
        dataSN: this.#dataSN++,
        bufferOffset,
        status: ends ? result.status : null,
        residual: ends ? this.#residual(result) : noResidual,
      },
      numbers,
      batch.buffer,
      at,
    );
    batch.closeHeader(at);
    this.#emitViews(batch, result.dataIn.views, length);
    batch.closeData(length);
  }

  #emitViews(batch: OutputBatch, views: readonly Uint8Array[], length: number): void {
    let left = length;
    while (left > 0) {
      const view = views[this.#view];
      assert(view !== undefined, 'the views hold as many bytes as the result says');
      const from = this.#viewAt;
      const count = Math.min(left, view.length - from);
      batch.data(count === view.length ? view : view.subarray(from, from + count));
      left -= count;
      this.#viewAt += count;
      if (this.#viewAt === view.length) {
        this.#view++;
        this.#viewAt = 0;
      }
    }
  }

  #emitResponse(batch: OutputBatch, numbers: Numbers, result: TaskResult): void {
    this.#leave();
    numbers.take(this.#owner.windowNumbers, true);
    const data = encodeSense(result.sense);
    const at = batch.openPdu(data.length);
    encodeScsiResponse(
      {
        response: ResponseCode.completed,
        status: result.status,
        itt: this.tag,
        expDataSN: this.#dataSN + (this.write?.r2tCount ?? 0),
        residual: this.#residual(result),
        bidirectionalReadResidual: this.#bidirectional
          ? residualOf(this.expectedDataInBytes, result.dataInBytes)
          : noResidual,
      },
      numbers,
      batch.buffer,
      at,
    );
    batch.closeHeader(at);
    if (data.length > 0) {
      batch.data(data);
      batch.closeData(data.length);
    }
  }

  /** Before its last PDU is made, so that this one already shows the wider window. */
  #leave(): void {
    this.state = 'ended';
    this.#owner.leave(this);
  }

  #residual(result: TaskResult): Residual {
    if (this.expectedDataOutBytes > 0) {
      return residualOf(this.expectedDataOutBytes, result.dataOutBytes);
    }
    if (this.expectedDataInBytes > 0) {
      return residualOf(this.expectedDataInBytes, result.dataInBytes);
    }
    // Neither direction was expected: whatever the command moves is too much.
    return residualOf(0, result.dataInBytes + result.dataOutBytes);
  }
}
