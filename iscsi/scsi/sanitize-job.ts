/**
 * The one sanitize or format operation of a logical unit [SBC-4, Sanitize operations, Format operations]:
 * takes the unit out of use, writes its whole range piece by piece, and ends with what it wrote durable.
 * That it runs, or has failed, is kept by the device before the first block changes: after a restart it
 * is done all over. Neither aborts nor resets nor the loss of a nexus end it.
 */
import { assert } from '../../src/base/assert.ts';
import type { BlockDevice, BlockError, SanitizeState } from './block-device.ts';
import { senseOf } from './block-errors.ts';
import {
  FORMAT_COMMAND_FAILED,
  formatInProgress,
  MEDIUM_FORMAT_CORRUPTED,
  SANITIZE_FAILED,
  sanitizeInProgress,
  type Sense,
} from './sense.ts';

/** Of holes: a discard of that size is one change of the map. */
const ERASE_PIECE_BYTES = 256 * 1024 * 1024;
const WHOLE = 0x1_0000;

type Ended = (refusal: Sense | null) => void;
export type SanitizeKind = SanitizeState['kind'];

/** What is said while it runs, by the command that failed, and by others until that is mended. */
const senses = {
  sanitize: { running: sanitizeInProgress, failed: SANITIZE_FAILED, left: SANITIZE_FAILED },
  format: {
    running: formatInProgress,
    failed: FORMAT_COMMAND_FAILED,
    left: MEDIUM_FORMAT_CORRUPTED,
  },
} as const;

export class SanitizeJob {
  readonly #device: BlockDevice;
  readonly #writePieceBlocks: number;
  /** Called while it works; the result when it does not any more. */
  readonly #working: () => () => void;
  /** Of the one that is under way here. */
  #running: SanitizeKind | null = null;
  #stopped = false;
  #lba = 0;
  #waiting: Ended[] = [];

  constructor(device: BlockDevice, facts: { writePieceBlocks: number; working: () => () => void }) {
    this.#device = device;
    this.#writePieceBlocks = facts.writePieceBlocks;
    this.#working = facts.working;
  }

  /** From the moment in which it is asked for. */
  get running(): boolean {
    return this.#running !== null || this.#device.kept.sanitize?.state === 'running';
  }

  /** What has failed, and has not been done again or left so since. */
  get failed(): SanitizeKind | null {
    const kept = this.#device.kept.sanitize;
    return this.#running === null && kept?.state === 'failed' ? kept.kind : null;
  }

  /** Of the one that is under way, or has failed. */
  get kind(): SanitizeKind | null {
    return this.#running ?? this.#device.kept.sanitize?.kind ?? null;
  }

  /** Why nothing that is stored can be had. */
  get refusal(): Sense | null {
    const { kind } = this;
    if (kind === null) return null;
    return this.running ? senses[kind].running(this.#progress) : senses[kind].left;
  }

  get #progress(): number {
    return Math.min(WHOLE - 1, Math.floor((this.#lba / this.#device.blocks) * WHOLE));
  }

  /**
   * `begun` when the device keeps that it runs, or with why it does not begin; `drained` is asked to
   * call back when no other command can change the device any more; `ended` with the outcome.
   */
  start(
    wanted: Omit<SanitizeState, 'state'>,
    hooks: { begun: Ended; drained: (then: () => void) => void; ended: Ended },
  ): void {
    assert(!this.running, 'one sanitize operation at a time');
    this.#running = wanted.kind;
    this.#stopped = false;
    this.#lba = 0;
    this.#keep({ ...wanted, state: 'running' }, (error) => {
      if (error !== null) {
        this.#running = null;
        hooks.begun(senseOf(error));
        return;
      }
      this.#waiting.push(hooks.ended);
      hooks.begun(null);
      hooks.drained(() => {
        this.#run();
      });
    });
  }

  /** Where the process before was at it, or it was stopped. */
  resume(): void {
    const kept = this.#device.kept.sanitize;
    if (this.#running !== null || kept?.state !== 'running') return;
    this.#running = kept.kind;
    this.#stopped = false;
    this.#lba = 0;
    this.#run();
  }

  /** The device is about to go away: ends soon, to be resumed. */
  stop(): void {
    this.#stopped = true;
  }

  /** A failed one, that may be left so: `done` with why it could not be. */
  forget(done: Ended): void {
    this.#keep(null, (error) => {
      done(error === null ? null : senseOf(error));
    });
  }

  #run(): void {
    const state = this.#device.kept.sanitize;
    assert(state !== null, 'what is done is kept');
    const rest = this.#working();
    const pattern =
      state.pattern === null ? null : Uint8Array.from(Buffer.from(state.pattern, 'hex'));
    const eraseBlocks = ERASE_PIECE_BYTES / this.#device.blockSizeBytes;
    const pieceBlocks = pattern === null ? eraseBlocks : this.#writePieceBlocks;
    const next = (): void => {
      const blocks = Math.min(pieceBlocks, this.#device.blocks - this.#lba);
      if (this.#stopped) {
        this.#running = null;
        rest();
      } else if (blocks <= 0) {
        this.#finish(state, rest);
      } else {
        this.#device.writeSame({
          aborted: false,
          lba: this.#lba,
          blocks,
          pattern,
          fua: false,
          done: (error) => {
            this.#lba += blocks;
            // A device that shrank has nothing more behind its end.
            if (error === null || error.code === 'out-of-range') next();
            else this.#fail(error, state, rest);
          },
        });
      }
    };
    next();
  }

  #finish(state: SanitizeState, rest: () => void): void {
    const failed = (error: BlockError): void => {
      this.#fail(error, state, rest);
    };
    this.#device.flush({
      aborted: false,
      done: (error) => {
        if (error !== null) failed(error);
        // Somebody froze what was there before: it can still be read.
        else if (state.kind === 'sanitize' && this.#device.hasSnapshots) {
          failed({ code: 'write-failed' });
        } else {
          this.#keep(null, (unkept) => {
            if (unkept === null) this.#end(null, rest);
            else failed(unkept);
          });
        }
      },
    });
  }

  /** A device that takes no changes any more keeps that it runs, and the next start resumes it. */
  #fail(error: BlockError, state: SanitizeState, rest: () => void): void {
    if (error.code === 'not-ready') {
      this.#end(senseOf(error), rest);
      return;
    }
    this.#keep({ ...state, state: 'failed' }, () => {
      this.#end(senses[state.kind].failed, rest);
    });
  }

  #end(refusal: Sense | null, rest: () => void): void {
    this.#running = null;
    for (const ended of this.#waiting.splice(0)) ended(refusal);
    rest();
  }

  #keep(sanitize: SanitizeState | null, done: (error: BlockError | null) => void): void {
    this.#device.keep({ sanitize }, done);
  }
}
