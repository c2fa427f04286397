/** What the guest logs in to: our server, or tgt to prove the test itself. */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../peers/command.ts';
import { Scale } from '../../peers/scale.ts';
import { Tgt } from '../../peers/tgt.ts';
import { PathToPortal } from './path-to-portal.ts';

export const CHAP = { user: 'guest', secret: 'what-the-guest-knows' };
export const MUTUAL_CHAP = { user: 'storage', secret: 'what-storage-knows' };
/** How QEMU's user network calls the loopback of its host. */
export const HOST_SEEN_BY_GUEST = '10.0.2.2';

export interface GuestTarget {
  readonly iqn: string;
  readonly lun: number;
  /** What the guest connects to, a path each. */
  readonly ports: readonly number[];
  /** Whether SendTargets gives an address that the guest can reach. */
  readonly isAdvertised: boolean;
  /** Bytes that the target uses on its disk. */
  usedBytes(): Promise<number>;
  /** Ends the process and starts it again on the same data; what happened, in words. */
  restart(how: 'term' | 'kill'): Promise<string>;
  resize(sizeBytes: number): Promise<string>;
  /** Path number `path`, from 0. */
  cut(path: number): string;
  restore(path: number): Promise<string>;
  stop(): Promise<void>;
}

const PATHS = 2;
const VOLUME = 'vm';

export class ScaleGuestTarget implements GuestTarget {
  readonly isAdvertised = true;
  readonly #paths: readonly PathToPortal[];
  readonly #folder: string;
  readonly #apiPort: number;
  #scale: Scale | null = null;
  iqn = '';
  lun = 0;

  private constructor(folder: string, paths: readonly PathToPortal[], apiPort: number) {
    this.#folder = folder;
    this.#paths = paths;
    this.#apiPort = apiPort;
  }

  static async start(sizeBytes: number): Promise<ScaleGuestTarget> {
    const folder = await mkdtemp(join(tmpdir(), 'scale-vm-'));
    const paths: PathToPortal[] = [];
    while (paths.length < PATHS) paths.push(await PathToPortal.open());
    const target = new ScaleGuestTarget(folder, paths, await freePort());
    const scale = await target.#launch();
    const volume = await scale.createVolume(VOLUME, '--size', String(sizeBytes));
    target.iqn = volume.target;
    target.lun = volume.lun;
    const [secret, mutual] = [join(folder, 'secret'), join(folder, 'mutual-secret')];
    await writeFile(secret, CHAP.secret, { mode: 0o600 });
    await writeFile(mutual, MUTUAL_CHAP.secret, { mode: 0o600 });
    const ours = ['--user', CHAP.user, '--secret-file', secret];
    const theirs = ['--mutual-user', MUTUAL_CHAP.user, '--mutual-secret-file', mutual];
    await scale.cli('target', 'chap', volume.target, ...ours, ...theirs);
    return target;
  }

  get ports(): readonly number[] {
    return this.#paths.map(({ port }) => port);
  }

  async resize(sizeBytes: number): Promise<string> {
    const size = String(sizeBytes);
    await this.#scale?.cli('volume', 'resize', VOLUME, '--size', size);
    return `${size} bytes`;
  }

  cut(path: number): string {
    this.#paths[path]?.cut();
    return `path ${String(path)} is cut`;
  }

  async restore(path: number): Promise<string> {
    await this.#paths[path]?.restore();
    return `path ${String(path)} is back`;
  }

  async usedBytes(): Promise<number> {
    const status = await this.#scale?.cli<{ usedBytes: number }>('pool', 'status');
    return status?.usedBytes ?? NaN;
  }

  async restart(how: 'term' | 'kill'): Promise<string> {
    let ending = 'killed';
    if (how === 'kill') await this.#scale?.kill();
    else {
      const ended = await this.#scale?.terminate();
      ending = `ended with ${String(ended?.code)} in ${String(Math.round(ended?.tookMs ?? NaN))} ms`;
    }
    const scale = await this.#launch();
    return `${ending}, ready again in ${String(Math.round(scale.startUpMs))} ms`;
  }

  async stop(): Promise<void> {
    for (const path of this.#paths) path.cut();
    await this.#scale?.terminate();
    await rm(this.#folder, { recursive: true });
  }

  async #launch(): Promise<Scale> {
    const [first, ...others] = this.#paths.map(({ port, portalPort }) => ({
      portalPort,
      advertised: `${HOST_SEEN_BY_GUEST}:${String(port)}`,
    }));
    const args = others.flatMap(({ portalPort, advertised }) => [
      '--portal',
      `127.0.0.1:${String(portalPort)}=${advertised}`,
    ]);
    const dataDirectory = join(this.#folder, 'data');
    this.#scale = await Scale.start({ dataDirectory, apiPort: this.#apiPort, ...first, args });
    return this.#scale;
  }
}

export class TgtGuestTarget implements GuestTarget {
  readonly isAdvertised = false;
  readonly lun = 1;
  readonly #folder: string;
  readonly #sizeBytes: number;
  readonly #port: number;
  #tgt: Tgt | null = null;

  private constructor(folder: string, sizeBytes: number, port: number) {
    this.#folder = folder;
    this.#sizeBytes = sizeBytes;
    this.#port = port;
  }

  static async start(sizeBytes: number): Promise<TgtGuestTarget> {
    const folder = await mkdtemp(join(tmpdir(), 'scale-vm-'));
    const target = new TgtGuestTarget(folder, sizeBytes, await freePort());
    await target.#launch();
    return target;
  }

  get ports(): readonly number[] {
    return [this.#port];
  }

  /** With one path and a fixed file, these steps are left out in the guest. */
  resize(): Promise<string> {
    return Promise.resolve('not with tgt');
  }

  cut(): string {
    return 'not with tgt';
  }

  restore(): Promise<string> {
    return Promise.resolve('not with tgt');
  }

  get iqn(): string {
    return this.#tgt?.iqn ?? '';
  }

  async usedBytes(): Promise<number> {
    return (await stat(join(this.#folder, 'vm.img'))).blocks * 512;
  }

  async restart(): Promise<string> {
    await this.#tgt?.stop();
    await this.#launch();
    return 'tgtd killed and started';
  }

  async stop(): Promise<void> {
    await this.#tgt?.stop();
    await rm(this.#folder, { recursive: true });
  }

  async #launch(): Promise<void> {
    const file = join(this.#folder, 'vm.img');
    const accounts = { chap: CHAP, mutualChap: MUTUAL_CHAP };
    const place = { file, sizeBytes: this.#sizeBytes, port: this.#port };
    this.#tgt = await Tgt.start({ ...place, ...accounts });
    for (const digest of ['HeaderDigest', 'DataDigest']) {
      const set = `--lld iscsi --op update --mode target --tid 1 --name ${digest}`;
      await this.#tgt.admin(`${set} --value CRC32C,None`);
    }
  }
}
