/**
 * Whether there is a medium to work on, and who keeps it in: PREVENT ALLOW MEDIUM REMOVAL [SPC-4],
 * START STOP UNIT [SBC-3], and what is answered meanwhile. Whether it is ejected is the device's to
 * keep, over restarts too; a removal is prevented by nexuses, as long as they are there.
 */
import type { BlockError, FlushOperation } from './block-device.ts';
import { u8 } from './bytes.ts';
import type { Command } from './command.ts';
import { invalidFieldInCdb, MEDIUM_NOT_PRESENT, MEDIUM_REMOVAL_PREVENTED } from './sense.ts';

const IMMED = 0x01;
/**
 * POWER CONDITIONs, and the highest POWER CONDITION MODIFIER of each: ACTIVE, IDLE, STANDBY, LU_CONTROL
 * [SBC-4, START STOP UNIT]. FORCE_IDLE_0 and FORCE_STANDBY_0 are for timers, which are not enabled here.
 */
const MOST_MODIFIER = new Map([
  [0x1, 0],
  [0x2, 2],
  [0x3, 1],
  [0x7, 0],
]);
const NO_FLUSH = 0x04;
const LOEJ = 0x02;
const LOEJ_BIT = 1;
const START = 0x01;
const PREVENT = 0x01;

/** On a unit whose medium can't be removed it holds as well, and changes nothing. */
export function preventAllowMediumRemoval(command: Command): void {
  command.nexus.preventsRemoval = (u8(command.cdb, 4) & PREVENT) !== 0;
  command.good();
}

class Flush implements FlushOperation {
  aborted = false;
  readonly #command: Command;
  readonly #then: () => void;

  constructor(command: Command, then: () => void) {
    this.#command = command;
    this.#then = then;
  }

  done(error: BlockError | null): void {
    if (this.#command.finished(error)) this.#then();
  }
}

function flush(command: Command, then: () => void): void {
  const operation = new Flush(command, then);
  command.begin(operation);
  command.unit.device.flush(operation);
}

function setEjected(command: Command, ejected: boolean): void {
  const { unit } = command;
  const { device } = unit;
  if (device.kept.ejected === ejected) {
    command.good();
    return;
  }
  const operation = { aborted: false };
  command.begin(operation);
  device.keep({ ejected }, (error) => {
    // It is so now, whatever becomes of the command.
    unit.deviceChanged(command.nexus);
    if (command.finished(error)) command.good();
  });
}

/** IMMED makes no difference: it is a matter of a moment, and nothing is said before it is done. */
function loadOrEject(command: Command, ejected: boolean): void {
  const { unit, cdb } = command;
  if (!unit.device.removable) {
    command.check(invalidFieldInCdb(4, LOEJ_BIT));
  } else if (unit.removalPrevented) {
    command.check(MEDIUM_REMOVAL_PREVENTED);
  } else if (!ejected || unit.device.kept.ejected || (u8(cdb, 4) & NO_FLUSH) !== 0) {
    setEjected(command, ejected);
  } else {
    flush(command, () => {
      // A nexus may have prevented it meanwhile.
      if (unit.removalPrevented) command.check(MEDIUM_REMOVAL_PREVENTED);
      else setEjected(command, true);
    });
  }
}

/**
 * There is no motor, and other hosts use the same unit: stopping flushes the cache, as it must
 * unless NO_FLUSH says otherwise, and the unit stays ready. It answers in every power condition as in the
 * active one, so that one that is asked for is the one it is in; START and LOEJ are ignored then.
 */
export function startStopUnit(command: Command): void {
  const { cdb, unit } = command;
  const flags = u8(cdb, 4);
  const condition = flags >> 4;
  const mostModifier = condition === 0 ? 0 : MOST_MODIFIER.get(condition);
  if (mostModifier === undefined) {
    command.check(invalidFieldInCdb(4, 7));
  } else if (u8(cdb, 3) > mostModifier) {
    command.check(invalidFieldInCdb(3, 3));
  } else if (condition !== 0) {
    command.good();
  } else if ((flags & LOEJ) !== 0) {
    loadOrEject(command, (flags & START) === 0);
  } else if (unit.device.kept.ejected) {
    command.check(MEDIUM_NOT_PRESENT);
  } else if ((flags & (START | NO_FLUSH)) !== 0) {
    command.good();
  } else if ((u8(cdb, 1) & IMMED) === 0) {
    flush(command, () => {
      command.good();
    });
  } else {
    const ended = unit.beginBackground();
    unit.device.flush({ aborted: false, done: ended });
    command.good();
  }
}
