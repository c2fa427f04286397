/**
 * A device server that does what a test tells it: it keeps what it was asked and answers when the
 * test says so, or at once through `onSubmit`.
 */
import type {
  DeviceEventListener,
  DeviceServer,
  Nexus,
  ScsiTask,
  TaskManagementOutcome,
  TaskResult,
} from '../../iscsi/scsi/task.ts';
import { noDataIn, ownDataIn } from '../../iscsi/scsi/task.ts';

export type ManagementCall = {
  readonly name: string;
  readonly lun: Uint8Array | null;
  readonly tag: number | null;
  readonly done: (outcome: TaskManagementOutcome) => void;
};

const NO_BYTES = new Uint8Array(0);

export const good = (views: readonly Uint8Array[] = [], dataOutBytes = 0): TaskResult => ({
  status: 0x00,
  sense: NO_BYTES,
  dataIn: ownDataIn(...views),
  dataInBytes: views.reduce((sum, view) => sum + view.length, 0),
  dataOutBytes,
});

export const checkCondition = (sense: Uint8Array): TaskResult => ({
  status: 0x02,
  sense,
  dataIn: noDataIn,
  dataInBytes: 0,
  dataOutBytes: 0,
});

export class FakeDeviceServer implements DeviceServer {
  readonly attached: Nexus[] = [];
  readonly listeners: DeviceEventListener[] = [];
  readonly tasks: ScsiTask[] = [];
  readonly arrived: ScsiTask[] = [];
  readonly failed: { task: ScsiTask; sense: { key: number; asc: number; ascq: number } }[] = [];
  readonly management: ManagementCall[] = [];
  readonly detaching: { nexus: Nexus; done: () => void }[] = [];
  /** Detaching is done at once; else the test calls `done`. */
  detachesAtOnce = true;
  onSubmit: (task: ScsiTask) => void = () => undefined;
  onArrived: (task: ScsiTask) => void = () => undefined;

  attach(nexus: Nexus, listener: DeviceEventListener): void {
    this.attached.push(nexus);
    this.listeners.push(listener);
  }

  detach(nexus: Nexus, done: () => void): void {
    for (const task of this.tasks) {
      if (task.nexus === nexus && !task.aborted) {
        task.aborted = true;
        task.dropped();
      }
    }
    if (this.detachesAtOnce) done();
    else this.detaching.push({ nexus, done });
  }

  submit(task: ScsiTask): void {
    this.tasks.push(task);
    this.onSubmit(task);
  }

  dataArrived(task: ScsiTask): void {
    this.arrived.push(task);
    this.onArrived(task);
  }

  dataFailed(task: ScsiTask, sense: { key: number; asc: number; ascq: number }): void {
    this.failed.push({ task, sense });
    task.complete(
      checkCondition(
        Uint8Array.of(
          0x70,
          0,
          sense.key,
          0,
          0,
          0,
          0,
          10,
          0,
          0,
          0,
          0,
          sense.asc,
          sense.ascq,
          0,
          0,
          0,
          0,
        ),
      ),
    );
  }

  abortTask(
    _nexus: Nexus,
    lun: Uint8Array,
    tag: number,
    done: (outcome: TaskManagementOutcome) => void,
  ): void {
    this.management.push({ name: 'abortTask', lun, tag, done });
  }

  abortTaskSet(_n: Nexus, lun: Uint8Array, done: (outcome: TaskManagementOutcome) => void): void {
    this.management.push({ name: 'abortTaskSet', lun, tag: null, done });
  }

  clearTaskSet(_n: Nexus, lun: Uint8Array, done: (outcome: TaskManagementOutcome) => void): void {
    this.management.push({ name: 'clearTaskSet', lun, tag: null, done });
  }

  logicalUnitReset(
    _nexus: Nexus,
    lun: Uint8Array,
    done: (outcome: TaskManagementOutcome) => void,
  ): void {
    this.management.push({ name: 'logicalUnitReset', lun, tag: null, done });
  }

  targetReset(_nexus: Nexus, done: (outcome: TaskManagementOutcome) => void): void {
    this.management.push({ name: 'targetReset', lun: null, tag: null, done });
  }
}
