/** The product as its users have it: `bin/scale serve` as a process of its own, known by its pid. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort, run, type Outcome } from './command.ts';

export const SCALE = join(import.meta.dirname, '..', '..', 'bin', 'scale');
const READY_WITHIN_MS = 60_000;
const KEPT_LOG_CHARACTERS = 20_000;

export interface ScaleOptions {
  readonly dataDirectory: string;
  readonly portalPort?: number;
  readonly apiPort?: number;
  /** `host:port` that discovery names instead of the portal. */
  readonly advertised?: string;
  /** More of `serve`: `['--first-volume', 'demo=1G', '--memory', '512M']`. */
  readonly args?: readonly string[];
  /** Program and arguments put before scale, as ['taskset', '-c', '1']. */
  readonly wrapper?: readonly string[];
}

export interface Volume {
  readonly name: string;
  readonly sizeBytes: number;
  readonly dedup: string;
  readonly compression: string;
  readonly target: string;
  readonly lun: number;
  readonly iscsiUrl: string;
}

export class Scale {
  readonly portalPort: number;
  readonly apiUrl: string;
  readonly #process: ChildProcess;
  readonly #started = performance.now();
  #log = '';
  #readyLine = '';
  #startUpMs = NaN;

  private constructor(child: ChildProcess, portalPort: number, apiUrl: string) {
    this.#process = child;
    this.portalPort = portalPort;
    this.apiUrl = apiUrl;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-KEPT_LOG_CHARACTERS);
    });
  }

  static async start(options: ScaleOptions): Promise<Scale> {
    const ports = {
      portalPort: options.portalPort ?? (await freePort()),
      apiPort: options.apiPort ?? (await freePort()),
    };
    const scale = Scale.spawn({ ...options, ...ports });
    await scale.#becomeReady();
    return scale;
  }

  /** Does not wait until it serves. */
  static spawn(options: ScaleOptions & { portalPort: number; apiPort: number }): Scale {
    const { portalPort, apiPort, advertised } = options;
    const portal =
      `127.0.0.1:${String(portalPort)}` + (advertised === undefined ? '' : `=${advertised}`);
    const [program = SCALE, ...args] = [
      ...(options.wrapper ?? []),
      ...[SCALE, 'serve', '--data', options.dataDirectory],
      ...['--portal', portal, '--api', `127.0.0.1:${String(apiPort)}`],
      ...(options.args ?? []),
    ];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    return new Scale(child, portalPort, `http://127.0.0.1:${String(apiPort)}`);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The end of its standard error. */
  get log(): string {
    return this.#log;
  }

  /** The ready line as it was printed. */
  get readyLine(): string {
    return this.#readyLine;
  }

  /** From the start of the process to its ready line. */
  get startUpMs(): number {
    return this.#startUpMs;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** `scale … --json` against this member; throws what the command printed when it fails. */
  async cli<T>(...args: string[]): Promise<T> {
    const outcome = await this.tryCli(...args);
    if (outcome.code !== 0) {
      throw new Error(`scale ${args.join(' ')}: ${outcome.stderr.trim()}`);
    }
    return JSON.parse(outcome.stdout === '' ? 'null' : outcome.stdout) as T;
  }

  /** What waits for a job is given the time that one takes. */
  tryCli(...args: string[]): Promise<Outcome> {
    const timeoutMs = args.includes('--wait') ? 1_800_000 : 60_000;
    return run(SCALE, [...args, '--json', '--api', this.apiUrl], { timeoutMs });
  }

  createVolume(name: string, ...args: string[]): Promise<Volume> {
    return this.cli<Volume>('volume', 'create', name, ...args);
  }

  /** SIGKILL: what a crash of the process is. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM; how it ended and how long that took. SIGKILL when it takes more than `limitMs`. */
  async terminate(limitMs = 30_000): Promise<{ code: number | null; tookMs: number }> {
    const began = performance.now();
    const guard = setTimeout(() => this.#process.kill('SIGKILL'), limitMs);
    await this.#end('SIGTERM');
    clearTimeout(guard);
    return { code: this.#process.exitCode, tookMs: performance.now() - began };
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    await ended;
  }

  #becomeReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      let text = '';
      const guard = setTimeout(() => {
        this.#process.kill('SIGKILL');
      }, READY_WITHIN_MS);
      this.#process.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const end = text.indexOf('\n');
        if (end < 0 || this.#readyLine !== '') return;
        clearTimeout(guard);
        this.#readyLine = text.slice(0, end);
        this.#startUpMs = performance.now() - this.#started;
        resolve();
      });
      this.#process.once('error', reject);
      this.#process.once('exit', (code, signal) => {
        clearTimeout(guard);
        reject(new Error(`scale serve ended with ${String(code ?? signal)}:\n${this.#log}`));
      });
    });
  }
}
