/**
 * The port through which persistent reservations are kept. A change is saved before it takes effect
 * and before its command is answered.
 */
import { NO_RESERVATIONS, type PersistentReservations } from './state.ts';

export interface ReservationStore {
  /** What was saved last for the logical unit of that serial number. */
  load(serial: string): PersistentReservations;
  /**
   * `done` once, perhaps at once. Not saved: what was saved before still is, or (where the store lost
   * its answer) what was given here; the next save settles that.
   */
  save(serial: string, state: PersistentReservations, done: (saved: boolean) => void): void;
}

/** Keeps nothing: reservations are as old as their logical unit. */
export const unsaved: ReservationStore = {
  load: () => NO_RESERVATIONS,
  save: (_serial, _state, done) => {
    done(true);
  },
};
