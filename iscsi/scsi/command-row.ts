/**
 * The form of the command table: one row a command. A row's CDB usage data serves dispatch, the
 * check of every bit of a CDB, and REPORT SUPPORTED OPERATION CODES [SPC-4].
 */
import type { Command } from './command.ts';
import { invalidFieldInCdb, type Sense } from './sense.ts';
import type { Counted } from './unit-statistics.ts';

/**
 * What a reservation means for this command of an I_T nexus that it does not admit [SPC-4, commands
 * that are allowed in the presence of various reservations; SBC-4, Reservations; SPC-2, RESERVE].
 */
export type ReservedAccess =
  /** Always allowed. */
  | 'free'
  /** Allowed under persistent reservations; refused under RESERVE. */
  | 'status'
  /** Allowed where others may read: the WRITE EXCLUSIVE types. */
  | 'reads'
  /** Refused. */
  | 'changes'
  /** The reservation commands themselves, whose handlers decide. */
  | 'own';

/** Of the operations that take a unit out of use, those that a command is answered during. */
export type RunsDuring = 'sanitize and format' | 'sanitize' | 'neither';

export interface CommandRow {
  readonly name: string;
  readonly opcode: number;
  /** Null: the operation code has no service actions. Else the low five bits of byte 1. */
  readonly serviceAction: number | null;
  /**
   * One byte for each of the CDB: the operation code, then for each bit whether it is evaluated; the
   * SERVICE ACTION field holds the service action itself. A set bit that is 0 here is refused.
   */
  readonly usage: Uint8Array;
  readonly access: ReservedAccess | ((cdb: Uint8Array) => ReservedAccess);
  /** Is answered while there is no medium in the unit. */
  readonly runsWithoutMedium: boolean;
  /** While the unit is being sanitized or formatted, or was sanitized without success. */
  readonly runsDuring: RunsDuring | ((cdb: Uint8Array) => RunsDuring);
  /** Changes the medium: refused with DATA PROTECT where the unit takes no writes. */
  readonly writes: boolean;
  /** Runs with a unit attention pending and leaves it [SAM-5, unit attention conditions]. */
  readonly ignoresUnitAttention: boolean;
  /** Null: not among the reads and writes of the statistics. */
  readonly counted: Counted | null;
  /** How long a healthy unit needs at most, in seconds, for the timeouts descriptor. */
  readonly recommendedTimeoutS: number;
  run(command: Command): void;
}

const SERVICE_ACTION = 0x1f;

type Slot =
  | { readonly kind: 'command'; readonly row: CommandRow }
  | { readonly kind: 'actions'; readonly rows: readonly CommandRow[] };

export class CommandTable {
  /** By operation code, then by service action, as REPORT SUPPORTED OPERATION CODES lists them. */
  readonly rows: readonly CommandRow[];
  readonly #slots: readonly (Slot | null)[];

  constructor(rows: readonly CommandRow[]) {
    this.rows = [...rows].sort(
      (a, b) => a.opcode - b.opcode || (a.serviceAction ?? 0) - (b.serviceAction ?? 0),
    );
    const slots = new Array<Slot | null>(256).fill(null);
    for (const row of this.rows) {
      slots[row.opcode] =
        row.serviceAction === null
          ? { kind: 'command', row }
          : { kind: 'actions', rows: this.rows.filter((other) => other.opcode === row.opcode) };
    }
    this.#slots = slots;
  }

  /** Null: no such operation code. 'no-action': it has service actions, and not this one. */
  find(opcode: number, serviceAction: number): CommandRow | null | 'no-action' {
    const slot = this.#slots[opcode];
    if (slot === null || slot === undefined) return null;
    if (slot.kind === 'command') return slot.row;
    return slot.rows.find((row) => row.serviceAction === serviceAction) ?? 'no-action';
  }

  ofCdb(cdb: Uint8Array): CommandRow | null | 'no-action' {
    return this.find(cdb[0] ?? 0, (cdb[1] ?? 0) & SERVICE_ACTION);
  }
}

/** The first bit, from the left, that is set and must not be; null if there is none. */
export function checkReservedBits(row: CommandRow, cdb: Uint8Array): Sense | null {
  const { usage } = row;
  for (let index = 1; index < usage.length; index += 1) {
    let allowed = usage[index] ?? 0;
    if (index === 1 && row.serviceAction !== null) allowed |= SERVICE_ACTION;
    const refused = (cdb[index] ?? 0) & ~allowed;
    if (refused !== 0) return invalidFieldInCdb(index, 31 - Math.clz32(refused));
  }
  return null;
}

/** An unknown service action of a known operation code: the field is bits 4 to 0 of byte 1. */
export const UNKNOWN_SERVICE_ACTION: Sense = invalidFieldInCdb(1, 4);
