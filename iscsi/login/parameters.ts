/**
 * What login settles for a session and its connection. The names are the keys' own [RFC 7143 §13];
 * the two directions of MaxRecvDataSegmentLength are told apart.
 */
/** FastAbort asks for messages to other sessions (§4.2.3.4), which are not sent here. */
export const TaskReporting = ['RFC3720', 'ResponseFence'] as const;
export type TaskReporting = (typeof TaskReporting)[number];

export const Digest = ['None', 'CRC32C'] as const;
export type Digest = (typeof Digest)[number];

export interface Parameters {
  HeaderDigest: Digest;
  DataDigest: Digest;
  MaxConnections: number;
  InitialR2T: boolean;
  ImmediateData: boolean;
  /** What the initiator takes: bounds Data-In. */
  initiatorMaxRecvDataSegmentLength: number;
  /** What we take: bounds Data-Out, once it has been declared. */
  targetMaxRecvDataSegmentLength: number;
  MaxBurstLength: number;
  FirstBurstLength: number;
  DefaultTime2Wait: number;
  DefaultTime2Retain: number;
  MaxOutstandingR2T: number;
  DataPDUInOrder: boolean;
  DataSequenceInOrder: boolean;
  ErrorRecoveryLevel: number;
  TaskReporting: TaskReporting;
  iSCSIProtocolLevel: number;
}

/** The values that hold where nothing is negotiated. */
export const defaultParameters = (): Parameters => ({
  HeaderDigest: 'None',
  DataDigest: 'None',
  MaxConnections: 1,
  InitialR2T: true,
  ImmediateData: true,
  initiatorMaxRecvDataSegmentLength: 8192,
  targetMaxRecvDataSegmentLength: 8192,
  MaxBurstLength: 262_144,
  FirstBurstLength: 65_536,
  DefaultTime2Wait: 2,
  DefaultTime2Retain: 20,
  MaxOutstandingR2T: 1,
  DataPDUInOrder: true,
  DataSequenceInOrder: true,
  ErrorRecoveryLevel: 0,
  TaskReporting: 'RFC3720',
  iSCSIProtocolLevel: 1,
});
