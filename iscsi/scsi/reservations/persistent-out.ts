/** PERSISTENT RESERVE OUT [SPC-4 §6.16]. */
import { u32 } from '../bytes.ts';
import type { Command } from '../command.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { takeList } from '../parameter-list.ts';
import {
  INTERNAL_TARGET_FAILURE,
  invalidFieldInCdb,
  PARAMETER_LIST_LENGTH_ERROR,
} from '../sense.ts';
import { UnitAttention } from '../unit-attention.ts';
import { whenAllEnded } from '../when-all-ended.ts';
import {
  BASIC_LIST_BYTES,
  MAX_LIST_BYTES,
  parseReserveOut,
  type ListContext,
} from './parameter-list.ts';
import { decide, type Change, type ReservationRequest } from './transitions.ts';
import type { Outcome } from './unit-reservations.ts';

const LIST_LENGTH_AT = 5;

export function persistentReserveOut(command: Command): void {
  const listBytes = u32(command.cdb, LIST_LENGTH_AT);
  if (listBytes < BASIC_LIST_BYTES) {
    command.check(PARAMETER_LIST_LENGTH_ERROR);
  } else if (listBytes > MAX_LIST_BYTES) {
    command.check(invalidFieldInCdb(LIST_LENGTH_AT));
  } else {
    takeList(
      command,
      listBytes,
      (list) => parseReserveOut(command.cdb, list, contextOf(command)),
      (request) => {
        carryOut(command, request);
      },
    );
  }
}

function contextOf({ nexus, unit }: Command): ListContext {
  return {
    by: nexus.nexus,
    targetPorts: unit.surroundings.targetPorts(),
    isidsOf: (initiatorName) => {
      const here = unit.nexuses().map((each) => each.nexus);
      const registered = [...unit.reservations.persistent.registrations.values()];
      const known = [...here, ...registered.map((each) => each.nexus)];
      const ports = known.filter((each) => each.initiatorName === initiatorName);
      return [...new Set(ports.map(({ isid }) => isid))];
    },
  };
}

function carryOut(command: Command, request: ReservationRequest): void {
  const { unit, nexus } = command;
  const operation = { aborted: false };
  command.begin(operation);
  unit.reservations.change(
    // Aborted before its turn, it does nothing; its end is that of an aborted command.
    (state) => (operation.aborted ? { kind: 'conflict' } : decide(state, nexus.nexus, request)),
    (outcome) => {
      if (outcome.kind === 'change') {
        unit.notify(outcome.notices);
        abortPreempted(unit, outcome, command, () => {
          answer(command, outcome);
        });
      } else {
        answer(command, outcome);
      }
    },
  );
}

function answer(command: Command, outcome: Outcome): void {
  if (!command.finished(null)) return;
  if (outcome.kind === 'change') command.good();
  else if (outcome.kind === 'conflict') command.conflict();
  else if (outcome.kind === 'refused') command.check(outcome.sense);
  else command.check(INTERNAL_TARGET_FAILURE);
}

/**
 * Ends the commands and copies of the nexuses that were preempted, but not this one, and what they did to
 * prevent a removal of the medium [SPC-4 §5.13.11.2.6].
 */
function abortPreempted(
  unit: LogicalUnit,
  { aborted }: Change,
  by: Command,
  done: () => void,
): void {
  const preempted = aborted.size === 0 ? [] : unit.nexuses().filter(({ key }) => aborted.has(key));
  const commands = preempted
    .flatMap((nexus) => [...nexus.commands.values()])
    .filter((command) => command !== by);
  for (const nexus of preempted) {
    nexus.preventsRemoval = false;
    const isOther = nexus.key !== by.nexus.key;
    if (isOther && nexus.commands.size > 0) {
      nexus.attentions.establish(UnitAttention.commandsCleared);
    }
  }
  whenAllEnded((ended) => {
    let copies = 0;
    unit.tasks.whileHeld(() => {
      for (const command of commands) command.abort(ended);
      for (const nexus of preempted) {
        copies += nexus.stopCopiesInto(ended) + nexus.copies.reset(ended);
      }
    });
    return commands.length + copies;
  }, done);
}
