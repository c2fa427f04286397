/** One I_T_L nexus: what a logical unit keeps for one initiator port and target port. */
import type { Command } from './command.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { Nexus } from './task.ts';
import { UnitAttentions } from './unit-attention.ts';

export class UnitNexus {
  readonly nexus: Nexus;
  readonly unit: LogicalUnit;
  readonly attentions = new UnitAttentions();
  /** The commands of this nexus in the task set, by tag. */
  readonly commands = new Map<number, Command>();

  constructor(nexus: Nexus, unit: LogicalUnit) {
    this.nexus = nexus;
    this.unit = unit;
  }

  /** The command has ended: it leaves the task set. */
  remove(command: Command): void {
    if (this.commands.get(command.task.tag) === command) this.commands.delete(command.task.tag);
    this.unit.tasks.leave(command);
  }
}
