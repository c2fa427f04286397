/**
 * The seam between the iSCSI session (transport) and the SCSI device server. A session makes one
 * `ScsiTask` per SCSI Command PDU and submits it; the device server owns task sets, task management,
 * unit attentions and command execution and knows nothing of PDUs.
 */

/** One I_T nexus [SAM-5 §4.8]: initiator port (name + ISID) and target port (name + portal group). */
export interface NexusName {
  readonly initiatorName: string;
  /** 12 hexadecimal digits. */
  readonly isid: string;
  readonly targetName: string;
  readonly portalGroupTag: number;
}

/** One that is there, by its session. */
export interface Nexus extends NexusName {
  /**
   * Whether its initiator, with what it proved when it logged in here, could log in to that target
   * too: what it asks to be copied comes only from there.
   */
  mayReach(targetName: string): boolean;
}

/** A name of the nexus that lasts: what comes back after a loss has the same. */
export const nexusKey = (nexus: NexusName): string =>
  `${nexus.initiatorName},i,${nexus.isid};${nexus.targetName},t,${String(nexus.portalGroupTag)}`;

export const TaskAttribute = {
  untagged: 0,
  simple: 1,
  ordered: 2,
  headOfQueue: 3,
  aca: 4,
} as const;
export type TaskAttribute = (typeof TaskAttribute)[keyof typeof TaskAttribute];

export const Status = {
  good: 0x00,
  checkCondition: 0x02,
  conditionMet: 0x04,
  busy: 0x08,
  reservationConflict: 0x18,
  taskSetFull: 0x28,
  acaActive: 0x30,
  taskAborted: 0x40,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

export interface ScsiTask {
  readonly nexus: Nexus;
  /** The 8-byte LUN field as it came [SAM-5 §4.7]. */
  readonly lun: Uint8Array;
  /** Whole CDB, 16 bytes or more (with the additional CDB of an AHS). */
  readonly cdb: Uint8Array;
  readonly attribute: TaskAttribute;
  /** The initiator task tag, unique among the tasks of one nexus. */
  readonly tag: number;
  /** Data-Out as received, set by the session before `dataArrived`. May be shorter than solicited
   * (Expected Data Transfer Length smaller than what the CDB says), never longer. */
  dataOut: Uint8Array;
  /** How many bytes of Data-In and Data-Out the initiator expects (0 where it expects none). */
  readonly expectedDataInBytes: number;
  readonly expectedDataOutBytes: number;
  /** Set by the device server when a task management function, a reset or the loss of the nexus
   * aborts the task; a BlockDevice operation made for it shares the flag's meaning. */
  aborted: boolean;
  /** Set by the device server before `complete`: takes back what the result tells. Called by the session,
   * at most once, when the task is aborted before its response is sent: nobody has heard of it. */
  whenUnheard: (() => void) | null;
  /** Called by the device server at most once: this command takes that many bytes of Data-Out.
   * The session collects min(that, expectedDataOutBytes), sets `dataOut`, calls `dataArrived`.
   * Lent: the memory is used for other commands after `giveBackData`. */
  solicit(bytes: number, lent?: boolean): void;
  /** Of lent data that arrived: nobody looks at `dataOut` any more, though its length still holds. */
  giveBackData(): void;
  /** Called exactly once for a task that was not aborted: status, sense data (with CHECK CONDITION)
   * and Data-In. `dataInBytes` is what the command would transfer, the sum of the views; the
   * session cuts to `expectedDataInBytes` and computes residuals. `dataOutBytes` is what the
   * command takes by its CDB (for the residual of writes). */
  complete(result: TaskResult): void;
  /** Called exactly once instead of `complete` for an aborted task, when it can do nothing more:
   * the session frees it and sends no status. */
  dropped(): void;
}

/** Bytes on their way to the initiator: views, in order, that nobody changes before `release`. */
export interface DataIn {
  readonly views: readonly Uint8Array[];
  /** Nobody looks at the views any more; called once. */
  release(): void;
}

/** Bytes that are in memory of their own. */
export const ownDataIn = (...views: Uint8Array[]): DataIn => ({ views, release: () => undefined });

export const noDataIn = ownDataIn();

export interface TaskResult {
  readonly status: Status;
  /** Sense data without the iSCSI SenseLength field; empty unless CHECK CONDITION. */
  readonly sense: Uint8Array;
  /** The session releases it when it is sent, or never will be. */
  readonly dataIn: DataIn;
  readonly dataInBytes: number;
  readonly dataOutBytes: number;
}

export type TaskManagementOutcome =
  'complete' | 'task-does-not-exist' | 'lun-does-not-exist' | 'not-supported' | 'rejected';

/** What happened that an initiator logged in elsewhere should hear of (async message). */
export interface DeviceEventListener {
  /** The set of LUNs changed: REPORT LUNS DATA HAS CHANGED. */
  lunsChanged?(): void;
}

/** The SCSI target device as a session sees it: all LUNs of one iSCSI target. */
export interface DeviceServer {
  /** A session was established (or re-established after a loss: unit attention as SAM says). */
  attach(nexus: Nexus, listener: DeviceEventListener): void;
  /** I_T nexus loss: aborts its tasks; `done` when each can do nothing more. */
  detach(nexus: Nexus, done: () => void): void;
  /** Enters the task set and goes on as the attribute allows: `solicit`, `complete`. */
  submit(task: ScsiTask): void;
  /** The Data-Out that was solicited is there. */
  dataArrived(task: ScsiTask): void;
  /** Data-Out that was solicited will not come (bad sequence, digest): ends the task so. */
  dataFailed(task: ScsiTask, sense: { key: number; asc: number; ascq: number }): void;
  abortTask(
    nexus: Nexus,
    lun: Uint8Array,
    tag: number,
    done: (outcome: TaskManagementOutcome) => void,
  ): void;
  abortTaskSet(nexus: Nexus, lun: Uint8Array, done: (outcome: TaskManagementOutcome) => void): void;
  clearTaskSet(nexus: Nexus, lun: Uint8Array, done: (outcome: TaskManagementOutcome) => void): void;
  logicalUnitReset(
    nexus: Nexus,
    lun: Uint8Array,
    done: (outcome: TaskManagementOutcome) => void,
  ): void;
  /** Warm and cold alike as far as SCSI goes; on cold the iSCSI layer drops all sessions after. */
  targetReset(nexus: Nexus, done: (outcome: TaskManagementOutcome) => void): void;
}
