/**
 * The table of operational keys [RFC 7143 §13], one row a key: its range, what we say, the function
 * that makes the result, and when it may be used. Defaults are in parameters.ts.
 */
import { Digest, TaskReporting, type Parameters } from './parameters.ts';
import { parseBoolean, parseNumber } from './text-keys.ts';

/** §6.2: answers that are no values. */
export const Answer = {
  notUnderstood: 'NotUnderstood',
  irrelevant: 'Irrelevant',
  reject: 'Reject',
} as const;

export interface KeyRow {
  readonly key: string;
  /** LO: leading login only · IO: any login · any: full feature phase too. */
  readonly use: 'leading-only' | 'login-only' | 'any';
  /** Means nothing in a discovery session: answered with Irrelevant. */
  readonly irrelevantInDiscovery: boolean;
  /** Puts the result of an offer into `parameters`. Gives the answer; null for a declaration, which
   * has none; 'Reject' for a value that is none, with the parameter as it was. */
  settle(offer: string, parameters: Parameters): string | null;
}

type Of<T> = {
  [K in keyof Parameters]: Parameters[K] extends T ? (T extends Parameters[K] ? K : never) : never;
}[keyof Parameters];

/** Highest value of lengths that a 24-bit field bounds. */
const MAX_LENGTH = 0xff_ffff;
/** What we take in one PDU, and in one burst. */
export const TARGET_MAX_RECV_DATA_SEGMENT_LENGTH = 262_144;
const OUR_MAX_BURST_LENGTH = 1_048_576;
/** Times the command window this bounds the data that comes unasked. */
const OUR_FIRST_BURST_LENGTH = 65_536;
const OUR_MAX_OUTSTANDING_R2T = 16;

type Terms = Pick<KeyRow, 'use' | 'irrelevantInDiscovery'>;
const leading: Terms = { use: 'leading-only', irrelevantInDiscovery: false };
const leadingNormal: Terms = { use: 'leading-only', irrelevantInDiscovery: true };
const login: Terms = { use: 'login-only', irrelevantInDiscovery: false };

interface Range {
  readonly low: number;
  readonly high: number;
  readonly ours: number;
}

function number(
  key: Of<number>,
  result: 'minimum' | 'maximum',
  range: Range,
  terms: Terms,
): KeyRow {
  const settle = (offer: string, parameters: Parameters): string => {
    const value = parseNumber(offer);
    if (value === null || value < range.low || value > range.high) return Answer.reject;
    parameters[key] =
      result === 'minimum' ? Math.min(value, range.ours) : Math.max(value, range.ours);
    return String(parameters[key]);
  };
  return { key, ...terms, settle };
}

function boolean(key: Of<boolean>, result: 'and' | 'or', ours: boolean, terms: Terms): KeyRow {
  const settle = (offer: string, parameters: Parameters): string => {
    const value = parseBoolean(offer);
    if (value === null) return Answer.reject;
    parameters[key] = result === 'and' ? value && ours : value || ours;
    return parameters[key] ? 'Yes' : 'No';
  };
  return { key, ...terms, settle };
}

/** §6.2.1: the first of the offered list that we support. */
function list<K extends 'HeaderDigest' | 'DataDigest' | 'TaskReporting'>(
  key: K,
  supported: readonly Parameters[K][],
  terms: Terms,
): KeyRow {
  const settle = (offer: string, parameters: Parameters): string => {
    for (const value of offer.split(',')) {
      const chosen = supported.find((candidate) => candidate === value);
      if (chosen !== undefined) {
        parameters[key] = chosen;
        return chosen;
      }
    }
    return Answer.reject;
  };
  return { key, ...terms, settle };
}

/** §13.25: no longer negotiated, yet never "not understood". */
const obsolete = (key: string): KeyRow => ({ key, ...login, settle: () => Answer.reject });

const maxRecvDataSegmentLength: KeyRow = {
  key: 'MaxRecvDataSegmentLength',
  use: 'any',
  irrelevantInDiscovery: false,
  settle: (offer, parameters) => {
    const value = parseNumber(offer);
    if (value === null || value < 512 || value > MAX_LENGTH) return Answer.reject;
    parameters.initiatorMaxRecvDataSegmentLength = value;
    return null;
  },
};

const firstBurstLength: KeyRow = {
  key: 'FirstBurstLength',
  ...leadingNormal,
  settle: (offer, parameters) => {
    const value = parseNumber(offer);
    if (value === null || value < 512 || value > MAX_LENGTH) return Answer.reject;
    // §13.14: never above MaxBurstLength.
    const ours = Math.min(OUR_FIRST_BURST_LENGTH, parameters.MaxBurstLength);
    parameters.FirstBurstLength = Math.min(value, ours);
    return String(parameters.FirstBurstLength);
  },
};

const burst: Range = { low: 512, high: MAX_LENGTH, ours: OUR_MAX_BURST_LENGTH };
const count = (ours: number): Range => ({ low: 1, high: 65_535, ours });
const seconds: Range = { low: 0, high: 3600, ours: 0 };

const rows: readonly KeyRow[] = [
  list('HeaderDigest', Digest, login),
  list('DataDigest', Digest, login),
  number('MaxConnections', 'minimum', count(1), leadingNormal),
  boolean('InitialR2T', 'or', false, leadingNormal),
  boolean('ImmediateData', 'and', true, leadingNormal),
  maxRecvDataSegmentLength,
  number('MaxBurstLength', 'minimum', burst, leadingNormal),
  firstBurstLength,
  // A session that broke is gone at once (ErrorRecoveryLevel 0): nothing to wait for or retain.
  number('DefaultTime2Wait', 'maximum', seconds, leading),
  number('DefaultTime2Retain', 'minimum', seconds, leading),
  number('MaxOutstandingR2T', 'minimum', count(OUR_MAX_OUTSTANDING_R2T), leadingNormal),
  boolean('DataPDUInOrder', 'or', true, leadingNormal),
  boolean('DataSequenceInOrder', 'or', true, leadingNormal),
  number('ErrorRecoveryLevel', 'minimum', { low: 0, high: 2, ours: 0 }, leading),
  list('TaskReporting', TaskReporting, leadingNormal),
  number('iSCSIProtocolLevel', 'minimum', { low: 0, high: 31, ours: 1 }, leadingNormal),
  obsolete('IFMarker'),
  obsolete('OFMarker'),
  obsolete('IFMarkInt'),
  obsolete('OFMarkInt'),
];

export const negotiationKeys: ReadonlyMap<string, KeyRow> = new Map(
  rows.map((row) => [row.key, row]),
);
