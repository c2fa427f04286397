/**
 * A writer that knows what was acknowledged, against a server that is killed with SIGKILL at random
 * moments, also while it starts, and restarted on the same directory. After each restart everything
 * is read and compared. `kill.ts` runs it long, the system tests short.
 */
import {
  GOOD,
  read,
  synchronizeCache,
  testUnitReady,
  unmap,
  write,
} from '../initiator/block-commands.ts';
import { SeededRandom } from '../initiator/random.ts';
import { ConnectionLost, TcpInitiator, type Portal } from '../initiator/tcp-initiator.ts';
import { UNIT_BYTES, WriteOracle } from '../initiator/write-oracle.ts';
import { sleep, until } from '../peers/command.ts';

const BLOCKS_PER_UNIT = UNIT_BYTES / 512;
/** Small writes go by the journal, large ones straight to segments: most of both are to be met. */
const MOST_UNITS = 256;
const COMMANDS_IN_FLIGHT = 16;
const VERIFY_UNITS = 256;
/** Kills for one that meets the job under way, or that enough writes went before. */
const MOST_ROUNDS = 4;

/** What is killed and started again; `start` resolves when it serves. */
export interface Victim {
  start(): Promise<{ portal: Portal; startUpMs: number }>;
  /** Starts and kills at once `afterMs` later, ready or not. */
  startAndKill(afterMs: number): Promise<void>;
  kill(): Promise<void>;
  /** Whether the process lives, and the end of its log. */
  condition(): string;
}

/** Background work to be killed in its middle, once a round. */
export interface KilledJob {
  /** Makes what it will work on, before the writes of the round begin. */
  prepare(round: number): Promise<void>;
  /** Begins with the writes; resolves at its end, rejects when the server is gone before. Until
   * `leadMs` after the call the server may not know of it. */
  run(): Promise<void>;
  readonly leadMs: number;
  /** After the restart, before anything is written: brings it to its end. Gives what is wrong. */
  finish(): Promise<string[]>;
}

export interface CampaignOptions {
  readonly kills: number;
  /** More kills until this many writes were acknowledged: a slow machine may get few before one. */
  readonly leastWrites?: number;
  readonly seed: number;
  readonly rangeBytes: number;
  /** SYNCHRONIZE CACHE among the writes; without it GOOD alone must be enough. */
  readonly isFlushing: boolean;
  /** Longest time of writing before a kill. */
  readonly mostWritingMs: number;
  readonly say: (line: string) => void;
  readonly job?: KilledJob;
}

export interface CampaignReport {
  kills: number;
  acknowledgedWrites: number;
  openWrites: number;
  flushes: number;
  readsWhileWriting: number;
  unitsVerified: number;
  startUpMs: number[];
  /** Kills while the job was under way. */
  killsInJob: number;
  /** Each one a broken promise. */
  wrong: string[];
}

export async function killCampaign(
  victim: Victim,
  options: CampaignOptions,
): Promise<CampaignReport> {
  return new Campaign(victim, options).run();
}

class Campaign {
  readonly #victim: Victim;
  readonly #options: CampaignOptions;
  readonly #random: SeededRandom;
  readonly #oracle: WriteOracle;
  readonly #report: CampaignReport = {
    kills: 0,
    acknowledgedWrites: 0,
    openWrites: 0,
    flushes: 0,
    readsWhileWriting: 0,
    unitsVerified: 0,
    startUpMs: [],
    killsInJob: 0,
    wrong: [],
  };

  /** How long the job takes when nobody kills it; null before the first round, which finds out. */
  #jobMs: number | null = null;

  constructor(victim: Victim, options: CampaignOptions) {
    this.#victim = victim;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#oracle = new WriteOracle(options.rangeBytes / UNIT_BYTES, options.seed);
  }

  async run(): Promise<CampaignReport> {
    const { say, job } = this.#options;
    for (let round = 0; !this.#hasKilledEnough() && !this.#hasFailed(); round++) {
      const { portal, startUpMs } = await this.#start();
      await this.#verifyAll(portal);
      if (round > 0) await this.#finishJob();
      if (this.#hasFailed()) return this.#report;
      await job?.prepare(round);
      const before = this.#report.acknowledgedWrites;
      await this.#writeUntilKilled(portal);
      const writes = this.#report.acknowledgedWrites - before;
      say(
        `kill ${String(this.#report.kills)}: start-up ${startUpMs.toFixed(0)} ms, ` +
          `${String(writes)} writes acknowledged since`,
      );
    }
    if (this.#hasFailed()) return this.#report;
    const { portal } = await this.#start();
    await this.#verifyAll(portal);
    await this.#finishJob();
    return this.#report;
  }

  /** With a job, a kill that came too late or too early for it is one more for nothing. */
  #hasKilledEnough(): boolean {
    const { kills, killsInJob, acknowledgedWrites } = this.#report;
    const { job, kills: wanted, leastWrites = 0 } = this.#options;
    if (kills >= MOST_ROUNDS * wanted) return true;
    return (job === undefined ? kills : killsInJob) >= wanted && acknowledgedWrites >= leastWrites;
  }

  async #finishJob(): Promise<void> {
    if (this.#options.job === undefined || this.#hasFailed()) return;
    for (const line of await this.#options.job.finish()) {
      this.#complain(`after kill ${String(this.#report.kills)}, ${line}`);
    }
  }

  #hasFailed(): boolean {
    return this.#report.wrong.length > 0;
  }

  async #start(): Promise<{ portal: Portal; startUpMs: number }> {
    // One start in four is itself cut short: recovery must bear a crash, too.
    if (this.#report.kills > 0 && this.#random.below(4) === 0) {
      await this.#victim.startAndKill(this.#random.between(20, 900));
      this.#report.kills += 1;
    }
    const started = await this.#victim.start();
    this.#report.startUpMs.push(started.startUpMs);
    return started;
  }

  async #writeUntilKilled(portal: Portal): Promise<void> {
    const initiator = await openSession(portal);
    const workers = Array.from({ length: COMMANDS_IN_FLIGHT }, () => this.#work(initiator));
    const isInJob = await this.#waitForTheKill();
    if (initiator.isLost) this.#complainOfLoss('while writing');
    if (isInJob()) this.#report.killsInJob += 1;
    await this.#victim.kill();
    this.#report.kills += 1;
    initiator.close();
    await Promise.all(workers);
  }

  /** Resolves when it is time to kill; what it gives says whether the job is under way then. */
  async #waitForTheKill(): Promise<() => boolean> {
    const { job, mostWritingMs } = this.#options;
    if (job === undefined) {
      await sleep(this.#random.between(50, mostWritingMs));
      return () => false;
    }
    await sleep(this.#random.between(0, 200));
    const began = performance.now();
    let isUnderWay = true;
    let isTime = false;
    const ended = job.run().then(
      () => {
        isUnderWay = false;
        this.#jobMs = performance.now() - began;
      },
      (error: unknown) => {
        if (!isTime) this.#complain(`the job failed: ${String(error)}`);
      },
    );
    if (this.#jobMs === null) await ended;
    else {
      const latestMs = Math.max(job.leadMs + 20, Math.ceil(this.#jobMs));
      await Promise.race([ended, sleep(this.#random.between(job.leadMs, latestMs))]);
    }
    isTime = true;
    return () => isUnderWay;
  }

  /** One command after the other until the connection is gone. */
  async #work(initiator: TcpInitiator): Promise<void> {
    for (let command = 1; !initiator.isLost; command++) {
      try {
        if (this.#options.isFlushing && command % 50 === 0) await this.#flush(initiator);
        else if (this.#random.below(8) === 0) await this.#readSome(initiator);
        else await this.#writeSome(initiator);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        return;
      }
    }
  }

  async #flush(initiator: TcpInitiator): Promise<void> {
    const { status } = await initiator.execute(synchronizeCache());
    if (status === GOOD) this.#report.flushes += 1;
    else this.#complain(`SYNCHRONIZE CACHE: status 0x${status.toString(16)}`);
  }

  async #writeSome(initiator: TcpInitiator): Promise<void> {
    const { unit, count } = this.#idleUnits();
    const oracle = this.#oracle;
    const version = oracle.begin(unit, count);
    const lba = unit * BLOCKS_PER_UNIT;
    const command = WriteOracle.isZero(version)
      ? unmap(lba, count * UNIT_BYTES)
      : write(lba, oracle.contents(unit, count, version));
    try {
      const { status, sense } = await initiator.execute(command);
      if (status !== GOOD) {
        this.#complain(`write: status 0x${status.toString(16)}, sense ${sense.toString('hex')}`);
        oracle.lost(unit, count);
        return;
      }
    } catch (error) {
      this.#report.openWrites += 1;
      oracle.lost(unit, count);
      throw error;
    }
    oracle.acknowledged(unit, count, version);
    this.#report.acknowledgedWrites += 1;
  }

  async #readSome(initiator: TcpInitiator): Promise<void> {
    const { unit, count } = this.#idleUnits();
    this.#oracle.hold(unit, count);
    try {
      await this.#readAndCheck(initiator, { unit, count, when: 'while writing' });
      this.#report.readsWhileWriting += 1;
    } finally {
      this.#oracle.release(unit, count);
    }
  }

  /** `when` is for the reader of a complaint. */
  async #readAndCheck(
    initiator: TcpInitiator,
    { unit, count, when }: { unit: number; count: number; when: string },
  ): Promise<void> {
    const { status, sense, data } = await initiator.execute(
      read(unit * BLOCKS_PER_UNIT, count * UNIT_BYTES),
    );
    if (status === GOOD) {
      for (const line of this.#oracle.check(unit, data)) this.#complain(`${when}, ${line}`);
    } else
      this.#complain(
        `${when}, read: status 0x${status.toString(16)}, sense ${sense.toString('hex')}`,
      );
  }

  async #verifyAll(portal: Portal): Promise<void> {
    const when = `after kill ${String(this.#report.kills)}`;
    try {
      await this.#readAll(await openSession(portal), when);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      this.#complainOfLoss(when);
    }
  }

  async #readAll(initiator: TcpInitiator, when: string): Promise<void> {
    const { unitCount } = this.#oracle;
    for (let unit = 0; unit < unitCount; unit += VERIFY_UNITS) {
      const count = Math.min(VERIFY_UNITS, unitCount - unit);
      await this.#readAndCheck(initiator, { unit, count, when });
      this.#report.unitsVerified += count;
    }
    initiator.close();
  }

  /** Half of the operations go to a small part, so that much is overwritten again and again. */
  #idleUnits(): { unit: number; count: number } {
    for (;;) {
      const count = this.#random.between(1, MOST_UNITS);
      const limit = this.#oracle.unitCount - count;
      const unit = this.#random.below(this.#random.below(2) === 0 ? limit : limit >> 4);
      if (this.#oracle.isIdle(unit, count)) return { unit, count };
    }
  }

  #complainOfLoss(when: string): void {
    this.#complain(
      `${when}, the connection was lost, nobody killed it: ${this.#victim.condition()}`,
    );
  }

  #complain(line: string): void {
    this.#report.wrong.push(line);
  }
}

/** Logs in and clears the unit attentions of the new session. */
async function openSession(portal: Portal): Promise<TcpInitiator> {
  return until('a session', 20_000, async () => {
    try {
      const initiator = await TcpInitiator.open(portal);
      for (let attempt = 0; attempt < 5; attempt++) {
        const { status } = await initiator.execute(testUnitReady());
        if (status === GOOD) return initiator;
      }
      initiator.close();
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    }
    return undefined;
  });
}
