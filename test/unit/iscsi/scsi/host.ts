/** A host for tests of the device server: one nexus that sends CDBs and keeps what came back. */
import type { Random } from '../../../../src/base/ports.ts';
import { LogicalUnits, type UnitFacts } from '../../../../iscsi/scsi/logical-units.ts';
import { ScsiTarget } from '../../../../iscsi/scsi/scsi-target.ts';
import {
  TaskAttribute,
  type DeviceEventListener,
  type Nexus,
  type ScsiTask,
  type TaskManagementOutcome,
  type TaskResult,
} from '../../../../iscsi/scsi/task.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';
import { SeededRandom } from '../../../initiator/random.ts';
import { MemoryDevice, testIdentity, type MemoryDeviceOptions } from '../../../memory-device.ts';

export interface SendOptions {
  readonly lun?: string;
  readonly dataOut?: Uint8Array;
  /** What the initiator announces; default: the length of `dataOut`. */
  readonly expectedDataOutBytes?: number;
  readonly attribute?: TaskAttribute;
  readonly tag?: number;
  /** Keep the Data-Out back until `deliver` is called. */
  readonly withhold?: boolean;
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const bytes = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** A task as a session would make it. */
export class SentTask implements ScsiTask {
  readonly nexus: Nexus;
  readonly lun: Uint8Array;
  readonly cdb = new Uint8Array(16);
  readonly attribute: TaskAttribute;
  readonly tag: number;
  dataOut: Uint8Array = new Uint8Array(0);
  readonly expectedDataInBytes = 1 << 24;
  readonly expectedDataOutBytes: number;
  aborted = false;
  whenUnheard: (() => void) | null = null;
  solicited = 0;
  result: TaskResult | null = null;
  droppedCount = 0;
  readonly #data: Uint8Array;
  readonly #withhold: boolean;
  readonly #target: ScsiTarget;

  constructor(target: ScsiTarget, nexus: Nexus, cdb: string, tag: number, options: SendOptions) {
    this.#target = target;
    this.nexus = nexus;
    this.cdb.set(bytes(cdb));
    this.tag = tag;
    this.lun = bytes(options.lun ?? '0000000000000000');
    this.attribute = options.attribute ?? TaskAttribute.simple;
    this.#data = options.dataOut ?? new Uint8Array(0);
    this.expectedDataOutBytes = options.expectedDataOutBytes ?? this.#data.length;
    this.#withhold = options.withhold ?? false;
  }

  solicit(count: number): void {
    if (this.solicited > 0) throw new Error('solicited twice');
    this.solicited = count;
    if (!this.#withhold) this.deliver();
  }

  /** Others write there now. */
  giveBackData(): void {
    this.dataOut.fill(0xdb);
  }

  deliver(): void {
    this.dataOut = this.#data.slice(0, Math.min(this.solicited, this.#data.length));
    this.#target.dataArrived(this);
  }

  complete(result: TaskResult): void {
    if (this.ended) throw new Error('ended twice');
    if (this.aborted) throw new Error('status for an aborted task');
    this.result = result;
  }

  dropped(): void {
    if (this.ended) throw new Error('ended twice');
    this.droppedCount += 1;
  }

  get ended(): boolean {
    return this.result !== null || this.droppedCount > 0;
  }

  get status(): number | null {
    return this.result === null ? null : this.result.status;
  }

  get dataIn(): Uint8Array {
    return Buffer.concat(this.result?.dataIn.views ?? []);
  }

  /** `key/asc/ascq` in hexadecimal, of either format; 'good' with GOOD, 'pending' before the end. */
  get outcome(): string {
    if (this.droppedCount > 0) return 'dropped';
    if (this.result === null) return 'pending';
    if (this.result.status === 0) return 'good';
    const { sense } = this.result;
    if (sense.length === 0) return `status ${this.result.status.toString(16)}`;
    const fixed = ((sense[0] ?? 0) & 0x7f) === 0x70;
    const at = fixed ? [2, 12, 13] : [1, 2, 3];
    const [key, asc, ascq] = at.map((index) => (sense[index] ?? 0).toString(16).padStart(2, '0'));
    return `${(key ?? '').slice(1)}/${asc ?? ''}/${ascq ?? ''}`;
  }

  /** Of fixed sense data: bytes 15 to 17. */
  get fieldPointer(): string {
    return hex((this.result?.sense ?? new Uint8Array(18)).subarray(15, 18));
  }
}

export class Host {
  readonly target: ScsiTarget;
  readonly nexus: Nexus;
  #nextTag = 1;

  constructor(
    target: ScsiTarget,
    name = 'host-a',
    listener: DeviceEventListener = {},
    port: Partial<Pick<Nexus, 'targetName' | 'portalGroupTag' | 'mayReach'>> = {},
  ) {
    this.target = target;
    this.nexus = {
      initiatorName: `iqn.2024-01.com.example:${name}`,
      isid: '80123456789a',
      targetName: 'iqn.2024-01.com.example:target',
      portalGroupTag: 1,
      mayReach: () => true,
      ...port,
    };
    target.attach(this.nexus, listener);
  }

  send(cdb: string, options: SendOptions = {}): SentTask {
    const tag = options.tag ?? this.#nextTag++;
    const task = new SentTask(this.target, this.nexus, cdb, tag, options);
    this.target.submit(task);
    return task;
  }

  /** Takes the unit attentions that are pending. */
  settle(lun = '0000000000000000'): string[] {
    const seen: string[] = [];
    for (;;) {
      const { outcome } = this.send('00 00 00 00 00 00', { lun });
      if (!outcome.startsWith('6/')) return seen;
      seen.push(outcome);
    }
  }

  manage(
    which: 'abortTaskSet' | 'clearTaskSet' | 'logicalUnitReset',
    lun = '0000000000000000',
  ): { outcome: TaskManagementOutcome | null } {
    const answer: { outcome: TaskManagementOutcome | null } = { outcome: null };
    this.target[which](this.nexus, bytes(lun), (outcome) => {
      answer.outcome = outcome;
    });
    return answer;
  }

  abortTask(tag: number): { outcome: TaskManagementOutcome | null } {
    const answer: { outcome: TaskManagementOutcome | null } = { outcome: null };
    this.target.abortTask(this.nexus, new Uint8Array(8), tag, (outcome) => {
      answer.outcome = outcome;
    });
    return answer;
  }
}

export function seededBytes(seed: number): Random {
  const random = new SeededRandom(seed);
  return { bytes: (length) => Uint8Array.from({ length }, () => random.below(256)) };
}

export const newUnits = (maxTasksPerUnit = 64, more: Partial<UnitFacts> = {}): LogicalUnits =>
  new LogicalUnits({
    vendor: 'SCALE',
    product: 'STORAGE SCALE',
    revision: '0001',
    maxTasksPerUnit,
    clock: new ManualClock(),
    random: seededBytes(1),
    ...more,
  });

export const newTarget = (maxTasksPerUnit = 64): ScsiTarget =>
  new ScsiTarget(newUnits(maxTasksPerUnit));

/** One disk of 1 MiB as LUN 0, and a host that has taken its unit attention. */
export function setUp(options: Partial<MemoryDeviceOptions> = {}): {
  host: Host;
  device: MemoryDevice;
  target: ScsiTarget;
} {
  const blockSizeBytes = options.blockSizeBytes ?? 512;
  const device = new MemoryDevice({
    blocks: (1 << 20) / blockSizeBytes,
    identity: testIdentity,
    ...options,
  });
  const target = newTarget();
  target.mapLun(0, device);
  const host = new Host(target);
  host.settle();
  return { host, device, target };
}

/** `count` bytes that differ from their neighbours. */
export const pattern = (count: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => (index * 7 + seed * 31 + (index >> 8)) & 0xff);
