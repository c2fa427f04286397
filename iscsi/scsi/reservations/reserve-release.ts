/** RESERVE and RELEASE, 6 and 10 [SPC-2; SPC-4 §5.13.3]: the whole logical unit, for no third party. */
import type { Command } from '../command.ts';

function answer(command: Command, conflict: boolean): void {
  if (!command.finished(null)) return;
  if (conflict) command.conflict();
  else command.good();
}

export function reserve(command: Command): void {
  const operation = { aborted: false };
  command.begin(operation);
  command.unit.reservations.reserve(command.nexus.key, operation, (conflict) => {
    answer(command, conflict);
  });
}

export function release(command: Command): void {
  command.begin({ aborted: false });
  command.unit.reservations.release(command.nexus.key, (conflict) => {
    answer(command, conflict);
  });
}
