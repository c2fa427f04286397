/**
 * The copies of one I_T_L nexus by list identifier [SPC-4, list identifiers for third-party copies]:
 * what RECEIVE COPY RESULTS tells of them. A copy that has ended is remembered until another takes its
 * identifier, a reset, the loss of the nexus, or until more than a bounded number are.
 *
 * Commands with one-byte identifiers (EXTENDED COPY LID1) and those with four have identifiers of their
 * own.
 */
import { present } from '../../../src/base/assert.ts';
import { INSUFFICIENT_RESOURCES, OPERATION_IN_PROGRESS, type Sense } from '../sense.ts';
import { CopyJob } from './copy-job.ts';
import { MAX_CONCURRENT_COPIES, MAX_KEPT_OUTCOMES } from './copy-limits.ts';

/** Service actions of THIRD-PARTY COPY OUT (83h) that copy. */
export const CopyAction = {
  extendedCopyLid1: 0x00,
  extendedCopyLid4: 0x01,
  populateToken: 0x10,
  writeUsingToken: 0x11,
} as const;
export type CopyAction = (typeof CopyAction)[keyof typeof CopyAction];

export interface CopyFacts {
  readonly action: CopyAction;
  /** Null: nobody will ask for it. */
  readonly listId: number | null;
  /** Its command was answered when it began. */
  readonly background: boolean;
}

export class CopyRecord {
  readonly facts: CopyFacts;
  readonly job = new CopyJob();
  state: 'under-way' | 'good' | 'failed' | 'stopped' = 'under-way';
  /** Sense data, of a failure. */
  sense: Uint8Array = new Uint8Array(0);
  /** From the start, without a gap. */
  copiedBytes = 0;
  segmentsProcessed = 0;
  /** Steps begun. */
  operations = 0;
  /** What POPULATE TOKEN made. */
  token: Uint8Array | null = null;

  constructor(facts: CopyFacts) {
    this.facts = facts;
  }
}

const isLid1 = (action: CopyAction): boolean => action === CopyAction.extendedCopyLid1;
const keyOf = (lid1: boolean, listId: number): string => `${lid1 ? 1 : 4}:${listId}`;

export class CopyRecords {
  /** In the order in which they began. */
  readonly #records = new Map<string, CopyRecord>();

  /** A copy begins, unless its identifier is in use or too many are under way. */
  enter(facts: CopyFacts): CopyRecord | Sense {
    const record = new CopyRecord(facts);
    if (facts.listId === null) return record;
    const key = keyOf(isLid1(facts.action), facts.listId);
    if (this.#records.get(key)?.state === 'under-way') return OPERATION_IN_PROGRESS;
    const underWay = [...this.#records.values()].filter(({ state }) => state === 'under-way');
    if (underWay.length >= MAX_CONCURRENT_COPIES) return INSUFFICIENT_RESOURCES;
    this.#records.delete(key);
    this.#records.set(key, record);
    this.#trim();
    return record;
  }

  find(listId: number, { lid1 }: { lid1: boolean }): CopyRecord | null {
    return this.#records.get(keyOf(lid1, listId)) ?? null;
  }

  /** Stops what no command stands for and forgets all outcomes; `each` is called once for each that
   * was under way, when it has ended. */
  reset(each: () => void): number {
    const background: CopyRecord[] = [];
    for (const [key, record] of this.#records) {
      if (record.state !== 'under-way') this.#records.delete(key);
      else if (record.facts.background) background.push(record);
    }
    for (const { job } of background) {
      job.stop();
      job.whenEnded(each);
    }
    return background.length;
  }

  #trim(): void {
    const ended = [...this.#records].filter(([, { state }]) => state !== 'under-way');
    for (let excess = ended.length - MAX_KEPT_OUTCOMES, at = 0; at < excess; at += 1) {
      this.#records.delete(present(ended[at], 'there are as many')[0]);
    }
  }
}
