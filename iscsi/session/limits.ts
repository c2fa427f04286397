/** Bounds of the iSCSI layer; `defaultLimits` are what a member uses. */
export interface Limits {
  /** Connections that have not logged in yet. */
  readonly maxHalfOpenLogins: number;
  readonly loginTimeoutMs: number;
  readonly maxSessions: number;
  /** Additional header segments of one PDU. */
  readonly maxAhsBytes: number;
  /** Text of one exchange, over all its PDUs. */
  readonly maxTextBytes: number;
  /** Commands of one session that are under way, and so the command window. */
  readonly commandWindow: number;
  /** Immediate commands under way beyond the window. */
  readonly maxImmediateCommands: number;
  /** Data of commands that the device server works on, in one session; the rest waits. A single
   * command may be bigger. */
  readonly maxTransferBytes: number;
  /** The same over all sessions; each may have one command beyond it. */
  readonly maxTotalTransferBytes: number;
  /** Answers other than SCSI ones that wait for a slow reader before we stop reading from it. */
  readonly maxWaitingAnswers: number;
  /** Silence after which we ask whether the initiator is there, and how long it has to answer. */
  readonly nopIntervalMs: number;
  readonly nopTimeoutMs: number;
  /** How long a closing connection may take to send what is left. */
  readonly closeTimeoutMs: number;
  /** How long the event loop stays awake for the next command after something came; 0: not at all. */
  readonly busyPollMs: number;
}

export const defaultLimits: Limits = {
  maxHalfOpenLogins: 256,
  loginTimeoutMs: 15_000,
  maxSessions: 4096,
  maxAhsBytes: 320,
  maxTextBytes: 65_536,
  commandWindow: 128,
  maxImmediateCommands: 32,
  maxTransferBytes: 32 * 1024 * 1024,
  maxTotalTransferBytes: 512 * 1024 * 1024,
  maxWaitingAnswers: 1024,
  nopIntervalMs: 15_000,
  nopTimeoutMs: 15_000,
  closeTimeoutMs: 2000,
  busyPollMs: 0.1,
};
