/** How unkind the simulated world is. Rates are probabilities for each operation. */
export interface DiskSettings {
  readonly capacityBytes: number;
  /** Milliseconds, least and most. */
  readonly openMs: readonly [number, number];
  readonly readMs: readonly [number, number];
  readonly writeMs: readonly [number, number];
  readonly syncMs: readonly [number, number];
  /** An operation that takes a hundred times as long. */
  readonly slowRate: number;
  /** A read that may be made at once is. */
  readonly readNowRate: number;
  readonly shortReadRate: number;
  readonly shortWriteRate: number;
  readonly readErrorRate: number;
  readonly writeErrorRate: number;
  /** A sync answers EIO, or ENOSPC, and forgets what it did not write; the next succeeds [Linux]. */
  readonly syncErrorRate: number;
  readonly fullRate: number;
  /** A write that lands elsewhere and reports success. */
  readonly misdirectRate: number;
  /** A bit of what is read has flipped on the medium. */
  readonly rotRate: number;
  /** From now on every operation fails. */
  readonly deathRate: number;
}

export interface MetaSettings {
  readonly readMs: readonly [number, number];
  readonly commitMs: readonly [number, number];
  readonly slowRate: number;
  /** A commit is rejected; whether it is durable nobody knows. */
  readonly commitErrorRate: number;
  /** A page can't be read any more. */
  readonly damageRate: number;
  /** A bit of a stored page flips. */
  readonly rotRate: number;
  /** At the end of a process: a bit of one copy of the state flips, which must be survived. */
  readonly stateRotRate: number;
}

export interface CodecSettings {
  /** A chunk comes out of its expansion cut off, or with a bit flipped. */
  readonly wrongRate: number;
}

export interface SimSettings {
  readonly disk: DiskSettings;
  readonly meta: MetaSettings;
  readonly codec: CodecSettings;
}

/** Nothing fails but what may fail on every machine: order, delay and short transfers. */
export const healthy: SimSettings = {
  disk: {
    capacityBytes: 1024 * 1024 * 1024,
    openMs: [0.1, 1],
    readMs: [0.02, 0.4],
    writeMs: [0.02, 0.4],
    syncMs: [0.3, 3],
    slowRate: 0.002,
    readNowRate: 0.5,
    shortReadRate: 0.01,
    shortWriteRate: 0.01,
    readErrorRate: 0,
    writeErrorRate: 0,
    syncErrorRate: 0,
    fullRate: 0,
    misdirectRate: 0,
    rotRate: 0,
    deathRate: 0,
  },
  meta: {
    readMs: [0.05, 0.5],
    commitMs: [1, 20],
    slowRate: 0.01,
    commitErrorRate: 0,
    damageRate: 0,
    rotRate: 0,
    stateRotRate: 0.2,
  },
  codec: { wrongRate: 0 },
};
