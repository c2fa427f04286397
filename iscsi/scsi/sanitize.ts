/**
 * SANITIZE [SBC-3]: OVERWRITE, BLOCK ERASE, EXIT FAILURE MODE. There is no CRYPTOGRAPHIC ERASE, as
 * nothing is encrypted. What is written is all of the volume's own; a chunk that other volumes share
 * lives on for them.
 *
 * The OVERWRITE parameter list:
 *
 *     0  INVERT, TEST, OVERWRITE COUNT  | 2  INITIALIZATION PATTERN LENGTH, 2 bytes  | 4  the pattern
 */
import type { SanitizeState } from './block-device.ts';
import { u16, u8 } from './bytes.ts';
import type { Command } from './command.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { takeList } from './parameter-list.ts';
import {
  COMMAND_SEQUENCE_ERROR,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  type Sense,
} from './sense.ts';

const IMMED = 0x80;
const AUSE = 0x20;
const AUSE_BIT = 5;
const SERVICE_ACTION_BIT = 4;
const LIST_LENGTH_AT = 7;
const HEADER_BYTES = 4;
const TEST = 0x60;
const COUNT = 0x1f;

/** A sanitize operation has failed, and only one that succeeds ends that (restricted completion mode). */
const mustSucceed = ({ sanitize, device }: LogicalUnit): boolean =>
  sanitize.failed === 'sanitize' && device.kept.sanitize?.unrestrictedExit !== true;

/** `pattern`: one block; null: what was there becomes holes. */
function begin(command: Command, pattern: Uint8Array | null): void {
  const { unit, cdb } = command;
  const unrestrictedExit = (u8(cdb, 1) & AUSE) !== 0;
  // What failed without AUSE is not left by way of another that has it.
  if (unrestrictedExit && mustSucceed(unit)) {
    command.check(invalidFieldInCdb(1, AUSE_BIT));
    return;
  }
  if (unit.device.hasSnapshots) {
    command.check(COMMAND_SEQUENCE_ERROR);
    return;
  }
  const wanted = {
    kind: 'sanitize',
    unrestrictedExit,
    pattern: pattern === null ? null : Buffer.from(pattern).toString('hex'),
  } as const;
  takeOutOfUse(command, wanted, { immediate: (u8(cdb, 1) & IMMED) !== 0 });
}

/** Begins the operation, and answers when it has begun (`immediate`) or ended. */
export function takeOutOfUse(
  command: Command,
  wanted: Omit<SanitizeState, 'state'>,
  { immediate }: { immediate: boolean },
): void {
  const { unit } = command;
  const isOver = (): boolean => command.task.aborted || command.hasEnded;
  const answer = (refusal: Sense | null): void => {
    if (isOver()) return;
    if (refusal === null) command.good();
    else command.check(refusal);
  };
  unit.sanitize.start(wanted, {
    begun: (refusal) => {
      if (refusal !== null || immediate) answer(refusal);
    },
    drained: (then) => {
      // Copies from and to other units are background; they find the unit out of use at their next step.
      unit.whenOthersEnded(command, () => {
        unit.whenQuiet(then);
      });
    },
    ended: answer,
  });
}

function refuseList(command: Command): boolean {
  if (u16(command.cdb, LIST_LENGTH_AT) === 0) return false;
  command.check(invalidFieldInCdb(LIST_LENGTH_AT));
  return true;
}

export function sanitizeBlockErase(command: Command): void {
  if (!refuseList(command)) begin(command, null);
}

/** A failed operation is forgotten where its AUSE allowed that; without one there is nothing to exit. */
export function sanitizeExitFailureMode(command: Command): void {
  const { unit } = command;
  if (refuseList(command)) return;
  if (unit.sanitize.failed === null) {
    command.good();
  } else if (mustSucceed(unit)) {
    command.check(invalidFieldInCdb(1, SERVICE_ACTION_BIT));
  } else {
    unit.sanitize.forget((refusal) => {
      if (command.task.aborted || command.hasEnded) return;
      if (refusal === null) command.good();
      else command.check(refusal);
    });
  }
}

/**
 * One block of the pattern, as the last pass leaves it: with INVERT passes alternate, and the first of an
 * even count is the inverted one [SBC-5 §5.30.2.2], so that INVERT makes no difference to the last. The
 * log never writes in place: passes before the last would leave nothing behind, so only that one is done.
 */
function lastPass(list: Uint8Array, blockSizeBytes: number): Uint8Array | Sense {
  const flags = u8(list, 0);
  const count = flags & COUNT;
  const patternBytes = u16(list, 2);
  if ((flags & TEST) !== 0) return invalidFieldInParameterList(0, 6);
  if (count === 0) return invalidFieldInParameterList(0, 4);
  if (u8(list, 1) !== 0) return invalidFieldInParameterList(1, 31 - Math.clz32(u8(list, 1)));
  if (patternBytes === 0 || patternBytes > blockSizeBytes) return invalidFieldInParameterList(2);
  if (patternBytes !== list.length - HEADER_BYTES) return invalidFieldInParameterList(2);
  return Uint8Array.from({ length: blockSizeBytes }, (_, at) =>
    u8(list, HEADER_BYTES + (at % patternBytes)),
  );
}

export function sanitizeOverwrite(command: Command): void {
  const { blockSizeBytes } = command.unit.device;
  const listBytes = u16(command.cdb, LIST_LENGTH_AT);
  if (listBytes <= HEADER_BYTES || listBytes > HEADER_BYTES + blockSizeBytes) {
    command.check(invalidFieldInCdb(LIST_LENGTH_AT));
    return;
  }
  takeList(
    command,
    listBytes,
    (list) => lastPass(list, blockSizeBytes),
    (block) => {
      begin(command, block);
    },
  );
}
