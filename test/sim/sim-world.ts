/**
 * A world from one seed: time, chance, disks and metadata stores, and the crashes between the lives
 * of the process under test. `clock`, `disk(…)`, `meta(…)` belong to the present life; `scheduler`
 * outlives it. Between two events all microtasks run, so the code under test may use promises.
 */
import type {
  Clock,
  Compression,
  Compute,
  Disk,
  Memory,
  MetaStore,
  Packing,
  Random,
} from '../../src/base/ports.ts';
import { Prng } from './prng.ts';
import { Scheduler } from './scheduler.ts';
import { healthy } from './settings.ts';
import type { SimSettings } from './settings.ts';
import { SimCompression } from './sim-compression.ts';
import { SimDisk } from './sim-disk.ts';
import { SimMedium } from './sim-medium.ts';
import { SimMeta, SimMetaMedium } from './sim-meta.ts';
import { SimPacking } from './sim-packing.ts';
import { SimClock, SimProcess, SimRandom } from './sim-process.ts';
import { Trace } from './trace.ts';

export type Crash =
  /** What was written is still there, what was under way may be. */
  | 'process'
  /** Of what was not synced any part may be gone. */
  | 'power';

export class SimWorld {
  readonly prng: Prng;
  readonly scheduler = new Scheduler();
  readonly trace: Trace;
  readonly media = new Map<string, SimMedium>();
  readonly metaMedia = new Map<string, SimMetaMedium>();
  readonly random: Random;
  readonly #codecPrng: Prng;
  readonly #clockPrng: Prng;
  readonly #memoryPrng: Prng;
  #codecDamages = 0;
  #settings: SimSettings;
  #process: SimProcess;
  #clock: SimClock;

  constructor(seed: number, settings: SimSettings = healthy, trace = new Trace()) {
    this.prng = new Prng(seed);
    this.trace = trace;
    this.#settings = settings;
    this.random = new SimRandom(this.prng.fork('random'));
    this.#codecPrng = new Prng(seed, 'codec');
    this.#clockPrng = new Prng(seed, 'clock');
    this.#memoryPrng = new Prng(seed, 'memory');
    this.#process = new SimProcess(this.scheduler, trace);
    this.#clock = new SimClock(this.#process, this.#clockPrng);
  }

  get clock(): Clock {
    return this.#clock;
  }

  disk(name: string): Disk {
    return new SimDisk(this.#process, this.medium(name));
  }

  meta(name: string): MetaStore {
    return new SimMeta(this.#process, this.metaMedium(name));
  }

  /** `compute` is that of the pool: its checksums are in the records. */
  packing(compute: Compute): Packing {
    const process = this.#process;
    const prng = this.#codecPrng;
    return new SimPacking(compute, (run) => process.after(prng.fraction(), run));
  }

  /** It finds what uses memory before it is touched. */
  get memory(): Memory {
    const process = this.#process;
    const prng = this.#memoryPrng;
    return {
      touch: (bytes, done) => {
        process.after(prng.fraction(), () => {
          if (bytes.some((byte) => byte !== 0)) throw new Error('memory was used too early');
          done();
        });
      },
    };
  }

  get compression(): Compression {
    const process = this.#process;
    const prng = this.#codecPrng;
    return new SimCompression({
      later: (run) => process.after(prng.fraction(), run),
      expanded: (plain) => this.#expanded(plain),
    });
  }

  /** Now and then the memory or the library is bad. */
  #expanded(plain: Uint8Array | null): Uint8Array | null {
    const prng = this.#codecPrng;
    if (plain === null || !prng.chance(this.#settings.codec.wrongRate)) return plain;
    this.#codecDamages += 1;
    const wrong = plain.slice(0, prng.chance(0.5) ? plain.length : prng.below(plain.length));
    const at = prng.below(plain.length);
    if (wrong.length === plain.length) wrong[at] = (plain[at] ?? 0) ^ (1 << prng.below(8));
    return wrong;
  }

  medium(name: string): SimMedium {
    const found = this.media.get(name);
    if (found !== undefined) return found;
    const medium = new SimMedium(name, this.prng.fork(name), this.#settings.disk);
    this.media.set(name, medium);
    return medium;
  }

  metaMedium(name: string): SimMetaMedium {
    const found = this.metaMedia.get(name);
    if (found !== undefined) return found;
    const medium = new SimMetaMedium(name, this.prng.fork(name), this.#settings.meta);
    this.metaMedia.set(name, medium);
    return medium;
  }

  /** Other weather from now on. */
  set settings(settings: SimSettings) {
    this.#settings = settings;
    for (const medium of this.media.values()) medium.settings = settings.disk;
    for (const medium of this.metaMedia.values()) medium.settings = settings.meta;
  }

  /** Operations that were answered with a device's error so far. */
  get errors(): number {
    const media = [...this.media.values(), ...this.metaMedia.values()];
    return media.reduce((sum, medium) => sum + medium.errors, 0);
  }

  /** Damage done to media so far: without any, nothing that is durable may be unreadable. */
  get damages(): number {
    const media = [...this.media.values(), ...this.metaMedia.values()];
    return media.reduce((sum, medium) => sum + medium.damages, this.#codecDamages);
  }

  /** The process ends here: nothing that it began will be heard of again. The next life opens its
   * disks and stores anew. */
  crash(kind: Crash): void {
    this.note('crash', kind);
    this.#process.alive = false;
    for (const medium of this.media.values()) medium.endProcess();
    for (const medium of this.metaMedia.values()) medium.endProcess();
    if (kind === 'power') for (const medium of this.media.values()) medium.losePower();
    this.#process = new SimProcess(this.scheduler, this.trace);
    this.#clock = new SimClock(this.#process, this.#clockPrng);
  }

  note(what: string, ...facts: readonly (string | number)[]): void {
    this.trace.add(this.scheduler.nowMs, what, ...facts);
  }

  /** Lets all microtasks run. Throws what the code under test threw in one. */
  async settle(): Promise<void> {
    await microtasks();
    if (this.#process.failure !== null) throw this.#process.failure;
  }

  /** One event; false when there is none. */
  step(): boolean {
    return this.scheduler.step();
  }

  /** Until nothing is left to happen, or the time is reached. */
  async run(untilMs = Infinity): Promise<void> {
    await this.settle();
    while (this.scheduler.nextMs <= untilMs && this.step()) await this.settle();
  }

  /** Until the promise is settled; fails when nothing is left that could settle it. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const waiting = { settled: false };
    const settle = (): void => {
      waiting.settled = true;
    };
    promise.then(settle, settle);
    await this.settle();
    while (!waiting.settled) {
      if (!this.scheduler.step()) throw new Error('nothing is left to happen, and it did not');
      await this.settle();
    }
    return promise;
  }

  /** Lets events happen by themselves until the function that it gives is called. */
  pump(): () => Promise<void> {
    const pump = { stopped: false };
    const run = async (): Promise<void> => {
      while (!pump.stopped) {
        this.step();
        await this.settle();
      }
    };
    const ended = run();
    return () => {
      pump.stopped = true;
      return ended;
    };
  }
}

const microtasks = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });
