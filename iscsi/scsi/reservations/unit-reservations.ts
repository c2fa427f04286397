/**
 * The reservations of one logical unit as they are: persistent ones [SPC-4 §5.13], saved before they
 * take effect, and the RESERVE of SPC-2, which the loss of its nexus and every reset end. Changes
 * take turns: each is decided on what the one before it has left. Lives as long as the member knows
 * the device, also while no LUN shows it.
 */
import type { ReservedAccess } from '../command-row.ts';
import { PERSISTENT_RESERVATION_INFORMATION_LOST, type Sense } from '../sense.ts';
import { conflicts, isAdmitted, type PersistentReservations } from './state.ts';
import type { ReservationStore } from './store.ts';
import type { Change, Decision } from './transitions.ts';

export type Outcome = Decision | { readonly kind: 'not-saved' };

export class UnitReservations {
  readonly #serial: string;
  readonly #store: ReservationStore;
  /** What waits for its turn: at most one for each command of the task set, and the operator's. */
  readonly #turns: ((end: () => void) => void)[] = [];
  #isInTurn = false;
  #persistent: PersistentReservations;
  /** `nexusKey` of the one that has RESERVEd the unit. */
  #reservedBy: string | null = null;
  #restricts = false;

  constructor(serial: string, store: ReservationStore) {
    this.#serial = serial;
    this.#store = store;
    this.#persistent = store.load(serial);
    this.#look();
  }

  get persistent(): PersistentReservations {
    return this.#persistent;
  }

  get reservedBy(): string | null {
    return this.#reservedBy;
  }

  /** False: no command is refused for a reservation, whoever sends it. Looked at by every command. */
  get restricts(): boolean {
    return this.#restricts;
  }

  /** Null: a command of that nexus may run. */
  refusal(nexus: string, access: ReservedAccess): 'conflict' | Sense | null {
    if (access === 'free' || access === 'own') return null;
    if (this.#persistent.lost) return PERSISTENT_RESERVATION_INFORMATION_LOST;
    if (this.#reservedBy !== null && this.#reservedBy !== nexus) return 'conflict';
    return conflicts(this.#persistent, nexus, access) ? 'conflict' : null;
  }

  /**
   * When all before it are done: `decide` says what becomes of the persistent reservations; that is
   * saved, is in force when `done` is called, and only then comes the next. Not while the unit is
   * RESERVEd: the two ways exclude each other [SPC-2, PERSISTENT RESERVE OUT].
   */
  change(
    decide: (state: PersistentReservations) => Decision,
    done: (outcome: Outcome) => void,
  ): void {
    this.#takeTurn((end) => {
      const decision: Decision =
        this.#reservedBy === null ? decide(this.#persistent) : { kind: 'conflict' };
      if (decision.kind === 'change' && decision.state !== this.#persistent) {
        this.#save(decision, (outcome) => {
          done(outcome);
          end();
        });
      } else {
        done(decision);
        end();
      }
    });
  }

  /** RESERVE [SPC-2; SPC-4 §5.13.3 for registrants], unless it was aborted when its turn comes. */
  reserve(
    nexus: string,
    operation: { readonly aborted: boolean },
    done: (conflict: boolean) => void,
  ): void {
    this.#takeTurn((end) => {
      const isFree = this.#reservedBy === null || this.#reservedBy === nexus;
      const mayReserve = isFree && this.#persistent.registrations.size === 0;
      if (mayReserve && !operation.aborted) this.#reservedBy = nexus;
      this.#look();
      done(!mayReserve && !isAdmitted(this.#persistent, nexus));
      end();
    });
  }

  /** RELEASE: from a nexus that has RESERVEd nothing it changes nothing, and is no conflict. */
  release(nexus: string, done: (conflict: boolean) => void): void {
    this.#takeTurn((end) => {
      this.nexusLost(nexus);
      const { size } = this.#persistent.registrations;
      done(size > 0 && !isAdmitted(this.#persistent, nexus));
      end();
    });
  }

  /** Ends what that nexus has RESERVEd. */
  nexusLost(nexus: string): void {
    if (this.#reservedBy === nexus) this.reset();
  }

  /** Ends every RESERVE; persistent reservations stay. */
  reset(): void {
    this.#reservedBy = null;
    this.#look();
  }

  #save(change: Change, done: (outcome: Outcome) => void): void {
    this.#store.save(this.#serial, change.state, (saved) => {
      if (saved) {
        this.#persistent = change.state;
        this.#look();
      }
      done(saved ? change : { kind: 'not-saved' });
    });
  }

  #look(): void {
    const { reservation, lost } = this.#persistent;
    this.#restricts = lost || reservation !== null || this.#reservedBy !== null;
  }

  #takeTurn(run: (end: () => void) => void): void {
    this.#turns.push(run);
    this.#advance();
  }

  #advance(): void {
    if (this.#isInTurn) return;
    const run = this.#turns.shift();
    if (run === undefined) return;
    this.#isInTurn = true;
    run(() => {
      this.#isInTurn = false;
      this.#advance();
    });
  }
}
