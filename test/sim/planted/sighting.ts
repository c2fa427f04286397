/** The first seed that failed, and the error that it failed with. */
export interface Sighting {
  readonly seed: number;
  readonly error: string;
  readonly message: string;
}

/**
 * Whether a run shows by what the pool does to data, order or counts that something is wrong: the
 * oracle's word, or the pool's that it lost what no fault of the world had touched. The other way a
 * run fails is an assertion in the pool's code that happens to stand where the bug is.
 */
export const isSeenFromOutside = ({ error }: Sighting): boolean =>
  error === 'Violation' || error === 'LossFound' || error === 'Refused';
