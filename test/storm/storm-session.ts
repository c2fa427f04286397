/**
 * One session of the storm: workers that read and write, loops that fire task management functions,
 * and what an initiator must do besides: log in again when the connection is gone, and after a unit
 * attention that tells of a reset abort what it still waits for, since no status will come.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  GOOD,
  read,
  synchronizeCache,
  testUnitReady,
  unmap,
  write,
} from '../initiator/block-commands.ts';
import {
  Aborted,
  ConnectionLost,
  TcpInitiator,
  type Command,
  type Completion,
  type Portal,
} from '../initiator/tcp-initiator.ts';
import { UNIT_BYTES, WriteOracle } from '../initiator/write-oracle.ts';
import { abortForgotten, abortTask, drawFunction, type StormFunction } from './functions.ts';
import type { Storm } from './storm.ts';

const WORKERS = 12;
const FIRING_LOOPS = 3;
const BLOCKS_PER_UNIT = UNIT_BYTES / 512;
/** Up to so long a loop waits between two functions, so that some commands get through. */
const PAUSE_MS = 40;
/** Nothing takes longer on a target that isn't wedged. */
const ANSWER_LIMIT_MS = 20_000;
/** Then a host aborts a command. The target may have forgotten it: when the one that was to bring the
 * unit attention was aborted itself, nobody has heard of the reset. It may not be at work for it. */
const COMMAND_TIMEOUT_MS = 5000;
/** After so long without an answer a session asks whether its commands were aborted. */
const SILENCE_MS = 150;
const TASK_SET_FULL = 0x28;
const UNIT_ATTENTION = 6;
const RESET = 0x29;
const COMMANDS_CLEARED = 0x2f;
const NO_SUCH_TAG = 0x7fff_0000;
const NO_SUCH_LUN = 77;

type Outcome =
  | { readonly kind: 'good'; readonly data: Buffer }
  /** The target said that it did nothing. */
  | { readonly kind: 'refused' }
  /** Aborted, or the connection was lost: it happened, or it never will. */
  | { readonly kind: 'open' };

export class StormSession {
  readonly #storm: Storm;
  readonly #portal: Portal;
  readonly #window: number;
  #initiator: TcpInitiator;
  #loggingIn: Promise<TcpInitiator> | null = null;
  #lastAnswerMs = performance.now();

  private constructor(storm: Storm, portal: Portal, initiator: TcpInitiator) {
    this.#storm = storm;
    this.#portal = portal;
    this.#initiator = initiator;
    this.#window = initiator.windowSize;
  }

  static async open(storm: Storm, portal: Portal): Promise<StormSession> {
    return new StormSession(storm, portal, await TcpInitiator.open(portal));
  }

  async run(): Promise<void> {
    const probe = setInterval(() => {
      this.#probe();
    }, SILENCE_MS);
    const loops = [
      ...Array.from({ length: WORKERS }, () => this.#work()),
      ...Array.from({ length: FIRING_LOOPS }, () => this.#fireAll()),
    ];
    try {
      await Promise.all(loops);
    } finally {
      clearInterval(probe);
    }
  }

  /** All attentions are taken, and the command window is as wide as it was at login. */
  async comeToRest(): Promise<void> {
    for (let left = 100; left > 0; left -= 1) {
      const { kind } = await this.#perform(testUnitReady());
      if (kind === 'good') break;
    }
    const { windowSize } = await this.#connected();
    if (windowSize !== this.#window) {
      this.#complain(`the command window has ${windowSize} places, at login ${this.#window}`);
    }
  }

  async verifyAll(): Promise<void> {
    const { oracle } = this.#storm;
    const step = 128;
    for (let unit = 0; unit < oracle.unitCount; unit += step) {
      await this.#readUnits(unit, Math.min(step, oracle.unitCount - unit));
    }
  }

  close(): void {
    this.#initiator.close();
  }

  #complain(what: string): void {
    this.#storm.wrong.push(`${this.#portal.iqn} LUN ${this.#portal.lun}: ${what}`);
  }

  async #work(): Promise<void> {
    const { random, oracle } = this.#storm;
    while (!this.#storm.isOver) {
      const roll = random.below(100);
      if (roll < 2) await this.#perform(synchronizeCache());
      else if (roll < 4) await this.#perform(testUnitReady());
      else {
        const units = this.#storm.pickIdle();
        if (units === null) await delay(1);
        else if (roll < 35) {
          oracle.hold(units.unit, units.count);
          await this.#readUnits(units.unit, units.count);
          oracle.release(units.unit, units.count);
        } else await this.#writeUntilKnown(units.unit, units.count);
      }
    }
  }

  async #readUnits(unit: number, count: number): Promise<void> {
    const outcome = await this.#perform(read(unit * BLOCKS_PER_UNIT, count * UNIT_BYTES));
    if (outcome.kind !== 'good') return;
    for (const line of this.#storm.oracle.check(unit, outcome.data)) this.#complain(line);
  }

  /** As a host does, writes again at once what was aborted: the first write must not come after. */
  async #writeUntilKnown(unit: number, count: number): Promise<void> {
    for (let tries = 0; tries < 4; tries += 1) {
      const kind = await this.#writeUnits(unit, count);
      // Somebody else may have taken to the units since.
      if (kind !== 'open' || !this.#storm.oracle.isIdle(unit, count)) return;
    }
  }

  async #writeUnits(unit: number, count: number): Promise<Outcome['kind']> {
    const { oracle } = this.#storm;
    const version = oracle.begin(unit, count);
    const lba = unit * BLOCKS_PER_UNIT;
    const command = WriteOracle.isZero(version)
      ? unmap(lba, count * UNIT_BYTES)
      : write(lba, oracle.contents(unit, count, version));
    const { kind } = await this.#perform(command);
    if (kind === 'good') oracle.acknowledged(unit, count, version);
    else if (kind === 'refused') oracle.refused(unit, count, version);
    else oracle.lost(unit, count);
    return kind;
  }

  /** Most are SIMPLE, some ORDERED or HEAD OF QUEUE. */
  #attribute(): number {
    const roll = this.#storm.random.below(20);
    return roll === 0 ? 2 : roll === 1 ? 3 : 1;
  }

  async #perform(command: Command): Promise<Outcome> {
    const initiator = await this.#connected();
    const { tag, completion } = initiator.submit({ ...command, attribute: this.#attribute() });
    const timeout = setTimeout(() => {
      this.#storm.count('timeouts');
      void this.#manage(initiator, abortForgotten, tag);
    }, COMMAND_TIMEOUT_MS);
    try {
      const answer = await this.#within(completion, 'a command');
      this.#lastAnswerMs = performance.now();
      return this.#outcomeOf(answer, initiator, tag);
    } catch (error) {
      if (error instanceof ConnectionLost) await this.#connected();
      else if (!(error instanceof Aborted)) throw error;
      this.#storm.count(error instanceof Aborted ? 'commands aborted' : 'commands lost');
      return { kind: 'open' };
    } finally {
      clearTimeout(timeout);
    }
  }

  #outcomeOf({ status, sense, data }: Completion, initiator: TcpInitiator, tag: number): Outcome {
    if (status === GOOD) {
      this.#storm.count('commands good');
      return { kind: 'good', data };
    }
    this.#storm.count('commands refused');
    if (status === TASK_SET_FULL) return { kind: 'refused' };
    const [key, asc] = [(sense[2] ?? 0) & 0x0f, sense[12]];
    if (key !== UNIT_ATTENTION) {
      this.#complain(`status ${status}, sense ${sense.toString('hex')}`);
    } else if (asc === RESET || asc === COMMANDS_CLEARED) {
      this.#clearUp(initiator, tag);
    }
    return { kind: 'refused' };
  }

  /** What was sent before this command may have been aborted by another: then no status comes. */
  #clearUp(initiator: TcpInitiator, before: number): void {
    for (const tag of initiator.sentTags) {
      if (tag >= before) return;
      this.#storm.count('aborts to clear up');
      void this.#manage(initiator, abortTask, tag);
    }
  }

  async #fireAll(): Promise<void> {
    const { random } = this.#storm;
    while (this.#storm.takeFunction()) {
      await delay(random.below(PAUSE_MS));
      const initiator = await this.#connected();
      const roll = random.below(100);
      if (roll === 0) initiator.close();
      else if (roll === 1) await this.#logInAnew();
      const fired = drawFunction(random);
      this.#storm.count(fired.name);
      await this.#manage(initiator, fired, this.#aimedAt(initiator, fired));
    }
  }

  #aimedAt(initiator: TcpInitiator, { aim }: StormFunction): number {
    const tags = initiator.sentTags;
    const chosen = tags[this.#storm.random.below(Math.max(1, tags.length))];
    return aim === 'own-task' && chosen !== undefined ? chosen : NO_SUCH_TAG;
  }

  /** Fires it, looks at the response, and gives up what that says is aborted. */
  async #manage(initiator: TcpInitiator, fired: StormFunction, tag: number): Promise<void> {
    const { random } = this.#storm;
    const { code, aim, name } = fired;
    const concerned = aim === 'lun' ? initiator.sentTags : [tag];
    const refCmdSN = aim === 'task-to-come' ? initiator.skipCmdSN() : null;
    if (aim === 'task-to-come' && refCmdSN === null) return;
    const request = {
      code,
      referencedTag: tag,
      numbered: aim !== 'task-to-come' && random.below(5) === 0,
      ...(refCmdSN === null ? {} : { refCmdSN }),
      ...(aim === 'no-lun' ? { lun: NO_SUCH_LUN } : {}),
    };
    try {
      const response = await this.#within(initiator.manage(request), name);
      this.#lastAnswerMs = performance.now();
      if (!fired.allowed.includes(response)) this.#complain(`${name} was answered ${response}`);
      for (const each of concerned) initiator.giveUp(each);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      this.#storm.count('functions lost');
    }
  }

  /** A second login on the same nexus replaces the session. */
  async #logInAnew(): Promise<void> {
    this.#storm.count('sessions replaced');
    await this.#logIn();
  }

  async #connected(): Promise<TcpInitiator> {
    if (!this.#initiator.isLost) return this.#initiator;
    return this.#logIn();
  }

  #logIn(): Promise<TcpInitiator> {
    this.#loggingIn ??= this.#tryLogIn().finally(() => {
      this.#loggingIn = null;
    });
    return this.#loggingIn;
  }

  async #tryLogIn(): Promise<TcpInitiator> {
    this.#storm.count('logins');
    const giveUpMs = performance.now() + ANSWER_LIMIT_MS;
    for (;;) {
      try {
        this.#initiator = await this.#within(TcpInitiator.open(this.#portal), 'a login');
        return this.#initiator;
      } catch (error) {
        if (!(error instanceof ConnectionLost) || performance.now() > giveUpMs) throw error;
        await delay(20);
      }
    }
  }

  /** Aborted commands may hold every worker: something must fetch the unit attention. */
  #probe(): void {
    const silentMs = performance.now() - this.#lastAnswerMs;
    const waits = !this.#initiator.isLost && this.#initiator.sentTags.length > 0;
    if (!waits || silentMs < SILENCE_MS) return;
    this.#storm.count('probes');
    // The workers see it too when there is no getting back in.
    this.#perform(testUnitReady()).catch(() => undefined);
  }

  async #within<T>(answer: Promise<T>, what: string): Promise<T> {
    let guard: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      guard = setTimeout(() => {
        const message = `${what} has no answer after ${ANSWER_LIMIT_MS} ms`;
        this.#complain(message);
        reject(new ConnectionLost(message));
      }, ANSWER_LIMIT_MS);
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      clearTimeout(guard);
    }
  }
}
