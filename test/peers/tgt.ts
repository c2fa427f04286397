/**
 * Debian's tgt (the Linux SCSI target framework) as the other implementation of a target: its bytes
 * are our golden ones, and it is what `make bench` compares with. Each instance is a process of its
 * own with its own control port, on loopback.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { freePort, mustRun, run, until } from './command.ts';

export interface Account {
  readonly user: string;
  readonly secret: string;
}

export interface TgtOptions {
  /** Backing file; made sparse with `sizeBytes` when given. */
  readonly file: string;
  readonly sizeBytes?: number;
  readonly iqn?: string;
  readonly port?: number;
  readonly blockSizeBytes?: 512 | 4096;
  readonly chap?: Account;
  readonly mutualChap?: Account;
  /** Seconds between the target's own NOP-Ins; none when left out. */
  readonly nopInterval?: number;
  /** Program and arguments put before tgtd, as ['taskset', '-c', '1']. */
  readonly wrapper?: readonly string[];
}

export class Tgt {
  readonly iqn: string;
  readonly port: number;
  readonly #controlPort: number;
  readonly #process: ChildProcess;

  private constructor(iqn: string, port: number, controlPort: number, process: ChildProcess) {
    this.iqn = iqn;
    this.port = port;
    this.#controlPort = controlPort;
    this.#process = process;
  }

  static async start(options: TgtOptions): Promise<Tgt> {
    if (options.sizeBytes !== undefined) await makeSparse(options.file, options.sizeBytes);
    const iqn = options.iqn ?? 'iqn.2026-01.org.example:tgt';
    const port = options.port ?? (await freePort());
    // Names a socket in /run/tgtd, not a TCP port; tgt takes none above 32767.
    const controlPort = port & 0x7fff;
    const nop = options.nopInterval;
    const portal =
      `portal=127.0.0.1:${String(port)}` +
      (nop === undefined ? '' : `,nop_interval=${String(nop)},nop_count=5`);
    const [program = 'tgtd', ...args] = [
      ...(options.wrapper ?? []),
      ...['tgtd', '-f', '-C', String(controlPort), '--iscsi', portal],
    ];
    const child = spawn(program, args, { stdio: 'ignore' });
    const tgt = new Tgt(iqn, port, controlPort, child);
    await until('tgtd answers', 10_000, async () => {
      const { code } = await run(
        'tgtadm',
        ['-C', String(controlPort), ...words('--op show --mode sys')],
        {
          timeoutMs: 5000,
        },
      );
      return code === 0 ? true : undefined;
    });
    await tgt.admin(`--lld iscsi --op new --mode target --tid 1 -T ${iqn}`);
    await tgt.#addLun(1, options);
    await tgt.admin('--lld iscsi --op bind --mode target --tid 1 -I ALL');
    if (options.chap !== undefined) await tgt.#account(options.chap, '');
    if (options.mutualChap !== undefined) await tgt.#account(options.mutualChap, ' --outgoing');
    return tgt;
  }

  /** LUN 0 of a tgt target is its controller; the disk is LUN 1. */
  get url(): string {
    return `iscsi://127.0.0.1:${String(this.port)}/${this.iqn}/1`;
  }

  /** One more disk, of a file that is made. */
  async addLun(lun: number, disk: { file: string; sizeBytes: number }): Promise<void> {
    await makeSparse(disk.file, disk.sizeBytes);
    await this.#addLun(lun, disk);
  }

  async #addLun(lun: number, disk: { file: string; blockSizeBytes?: 512 | 4096 }): Promise<void> {
    const unit = `--lld iscsi --mode logicalunit --tid 1 --lun ${String(lun)}`;
    const block = disk.blockSizeBytes === 4096 ? ' --blocksize 4096' : '';
    await this.admin(`${unit} --op new --bstype rdwr${block} -b ${disk.file}`);
    await this.admin(`${unit} --op update --params thin_provisioning=1`);
  }

  async admin(commandLine: string): Promise<string> {
    return mustRun('tgtadm', ['-C', String(this.#controlPort), ...words(commandLine)], {
      timeoutMs: 10_000,
    });
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    const socket = `/run/tgtd/socket.${String(this.#controlPort)}`;
    await rm(socket, { force: true });
    await rm(`${socket}.lock`, { force: true });
  }

  async #account(account: Account, direction: string): Promise<void> {
    const { user, secret } = account;
    await this.admin(`--lld iscsi --op new --mode account --user ${user} --password ${secret}`);
    await this.admin(`--lld iscsi --op bind --mode account --tid 1 --user ${user}${direction}`);
  }
}

async function makeSparse(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'a');
  await file.truncate(sizeBytes);
  await file.close();
}

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '');
