/** The servers that a kill campaign can kill: ours, and tgt to prove the campaign itself. */
import { join } from 'node:path';
import { portalOf, type Portal } from '../initiator/tcp-initiator.ts';
import { freePort, run, sleep } from '../peers/command.ts';
import { SCALE, Scale } from '../peers/scale.ts';
import { Tgt } from '../peers/tgt.ts';
import type { Victim } from './kill-campaign.ts';

/** The volume that the campaign writes to. */
export const VOLUME = 'killed';

/** `scale serve` on one data directory, always on the same ports. */
export class ScaleVictim implements Victim {
  readonly #dataDirectory: string;
  readonly #args: readonly string[];
  readonly #ports: { portalPort: number; apiPort: number };
  #running: Scale | null = null;
  #portal: Portal | null = null;

  private constructor(
    dataDirectory: string,
    args: readonly string[],
    ports: { portalPort: number; apiPort: number },
  ) {
    this.#dataDirectory = dataDirectory;
    this.#args = args;
    this.#ports = ports;
  }

  /** Makes the pool and its volume, with `volumeArgs` of `volume create`. */
  static async create(
    dataDirectory: string,
    options: { rangeBytes: number; args?: readonly string[]; volumeArgs?: readonly string[] },
  ): Promise<ScaleVictim> {
    const ports = { portalPort: await freePort(), apiPort: await freePort() };
    const victim = new ScaleVictim(dataDirectory, options.args ?? [], ports);
    const scale = await victim.#launch();
    const size = String(options.rangeBytes);
    const volume = await scale.createVolume(VOLUME, '--size', size, ...(options.volumeArgs ?? []));
    victim.#portal = portalOf(volume.iscsiUrl);
    await scale.terminate();
    return victim;
  }

  async start(): Promise<{ portal: Portal; startUpMs: number }> {
    const scale = await this.#launch();
    this.#running = scale;
    if (this.#portal === null) throw new Error('created before it is started');
    return { portal: this.#portal, startUpMs: scale.startUpMs };
  }

  async startAndKill(afterMs: number): Promise<void> {
    const spawned = Scale.spawn({
      dataDirectory: this.#dataDirectory,
      args: this.#args,
      ...this.#ports,
    });
    await sleep(afterMs);
    await spawned.kill();
  }

  async kill(): Promise<void> {
    await this.#running?.kill();
    this.#running = null;
  }

  condition(): string {
    const scale = this.#running;
    if (scale === null) return 'not started';
    return `${scale.isRunning ? 'the process runs' : 'the process is gone'}; ${scale.log.slice(-2000)}`;
  }

  /** The server that runs now. */
  get scale(): Scale {
    if (this.#running === null) throw new Error('started before it is asked');
    return this.#running;
  }

  /** Ends it cleanly and looks through all it left behind; gives what is wrong. It is started again. */
  async check(): Promise<string[]> {
    const code = await this.terminate();
    const disks = this.#args.flatMap((arg, at) =>
      arg === '--disk' ? [arg, this.#args[at + 1] ?? ''] : [],
    );
    const args = ['check', '--data', this.#dataDirectory, ...disks];
    const checked = await run(SCALE, args, { timeoutMs: 120_000 });
    await this.start();
    return [
      ...(code === 0 ? [] : [`the server ended with ${String(code)}`]),
      ...(checked.code === 0 ? [] : [`scale check: ${checked.stdout}${checked.stderr}`]),
    ];
  }

  /** A clean end; gives the exit code. */
  async terminate(): Promise<number | null> {
    const ended = await this.#running?.terminate();
    this.#running = null;
    return ended?.code ?? null;
  }

  #launch(): Promise<Scale> {
    return Scale.start({ dataDirectory: this.#dataDirectory, args: this.#args, ...this.#ports });
  }
}

/** tgt over a plain file: the page cache outlives its process, so it must pass. */
export class TgtVictim implements Victim {
  readonly #file: string;
  readonly #sizeBytes: number;
  #running: Tgt | null = null;

  constructor(folder: string, sizeBytes: number) {
    this.#file = join(folder, 'tgt.img');
    this.#sizeBytes = sizeBytes;
  }

  async start(): Promise<{ portal: Portal; startUpMs: number }> {
    const began = performance.now();
    const tgt = await Tgt.start({ file: this.#file, sizeBytes: this.#sizeBytes });
    this.#running = tgt;
    return { portal: portalOf(tgt.url), startUpMs: performance.now() - began };
  }

  async startAndKill(afterMs: number): Promise<void> {
    const tgt = await Tgt.start({ file: this.#file, sizeBytes: this.#sizeBytes });
    await sleep(afterMs);
    await tgt.stop();
  }

  async kill(): Promise<void> {
    await this.#running?.stop();
    this.#running = null;
  }

  condition(): string {
    return this.#running === null ? 'not started' : 'tgtd keeps no log';
  }
}
