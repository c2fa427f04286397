/**
 * Unit attention conditions of one I_T_L nexus [SAM-5]: reported one at a time, oldest first,
 * in answer to the next commands; each kind waits at most once, and a reset clears what is older.
 */
import { THRESHOLD_AT } from './mode-pages.ts';
import { unitAttention, type Sense } from './sense.ts';
import type { ScsiTask } from './task.ts';

const RESET = 0x29;

export const UnitAttention = {
  /** POWER ON, RESET, OR BUS DEVICE RESET OCCURRED: what a nexus never seen before is told. */
  powerOnOrReset: unitAttention(RESET, 0x00),
  /** NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED. */
  mediumChanged: unitAttention(0x28, 0x00),
  /** SCSI BUS RESET OCCURRED: a hard reset (target reset). */
  hardReset: unitAttention(RESET, 0x02),
  /** BUS DEVICE RESET FUNCTION OCCURRED: a logical unit reset. */
  logicalUnitReset: unitAttention(RESET, 0x03),
  nexusLoss: unitAttention(RESET, 0x07),
  /** THIN PROVISIONING SOFT THRESHOLD REACHED, of the threshold descriptor at that byte of its mode page
   * [SBC-4, Logical block provisioning threshold notification]. */
  softThreshold: { ...unitAttention(0x38, 0x07), information: THRESHOLD_AT },
  modeParametersChanged: unitAttention(0x2a, 0x01),
  reservationsPreempted: unitAttention(0x2a, 0x03),
  reservationsReleased: unitAttention(0x2a, 0x04),
  registrationsPreempted: unitAttention(0x2a, 0x05),
  /** ASYMMETRIC ACCESS STATE CHANGED. */
  accessStateChanged: unitAttention(0x2a, 0x06),
  capacityChanged: unitAttention(0x2a, 0x09),
  /** COMMANDS CLEARED BY ANOTHER INITIATOR. */
  commandsCleared: unitAttention(0x2f, 0x00),
  lunsChanged: unitAttention(0x3f, 0x0e),
} as const satisfies Record<string, Sense>;

export class UnitAttentions {
  readonly #pending: Sense[] = [];

  get any(): boolean {
    return this.#pending.length > 0;
  }

  establish(condition: Sense): void {
    // What a reset implies need not be told one by one [SAM-5, unit attention conditions].
    if (condition.asc === RESET) this.#pending.length = 0;
    if (!this.#pending.includes(condition)) this.#pending.push(condition);
  }

  /** The oldest condition, which is cleared by being reported (UA_INTLCK_CTRL is 00b). It is pending again
   * when the task that reports it is aborted before its response is sent. */
  report(by: ScsiTask): Sense | null {
    const condition = this.#pending.shift();
    if (condition === undefined) return null;
    by.whenUnheard = () => {
      this.#unheard(condition);
    };
    return condition;
  }

  /** Whether it was pending. */
  clear(condition: Sense): boolean {
    const index = this.#pending.indexOf(condition);
    if (index >= 0) this.#pending.splice(index, 1);
    return index >= 0;
  }

  /** It is the oldest again, unless a reset came meanwhile, which implies it. */
  #unheard(condition: Sense): void {
    const isImplied = this.#pending.some(({ asc }) => asc === RESET);
    if (!isImplied && !this.#pending.includes(condition)) this.#pending.unshift(condition);
  }
}
