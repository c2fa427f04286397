/**
 * A Linux guest with open-iscsi uses the LUN: CHAP both ways, header and data digests, ext4 and xfs,
 * fio with verification, discard, and a target that goes away and comes back under a mounted file
 * system; then over two portals: reservations, offloaded copies, and dm-multipath while paths are cut
 * and the target restarts. Prints the guest's transcript and ends with PASS or FAIL.
 *
 *   npx node test/e2e/vm/run.ts [step…]     steps: inquire ext4 xfs discard trim term kill
 *                                           reserve persist copy multipath cut restart resize unmap
 *
 * TARGET=tgt runs it against tgt, to prove the test itself. Needs root, debootstrap and
 * qemu-system-x86; builds the guest once (build-guest.sh). Emulated, so it takes some minutes.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isInstalled, mustRun } from '../../peers/command.ts';
import {
  CHAP,
  HOST_SEEN_BY_GUEST,
  MUTUAL_CHAP,
  ScaleGuestTarget,
  TgtGuestTarget,
  type GuestTarget,
} from './guest-target.ts';
import { newcArchive } from './newc-archive.ts';

const SIZE_BYTES = 2 * 1024 ** 3;
const TEST_LIMIT_S = 1800;
const BOOT_LIMIT_S = 300;
const HERE = import.meta.dirname;
/** What users are given for their hosts is what the guest runs with. */
const HOSTS = join(HERE, '..', '..', '..', 'hosts');

/** One line in, one line out: what the guest asks of its host. */
async function answer(target: GuestTarget, question: string): Promise<string> {
  const [word, value = ''] = question.split(' ');
  switch (word) {
    case 'used':
      return String(await target.usedBytes());
    case 'restart':
      return target.restart(value === 'kill' ? 'kill' : 'term');
    case 'resize':
      return target.resize(Number(value));
    case 'cut':
      return target.cut(Number(value));
    case 'restore':
      return target.restore(Number(value));
    default:
      return `not understood: ${question}`;
  }
}

function startControl(target: GuestTarget): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (data) => {
      answer(target, data.toString().trim()).then(
        (text) => socket.end(`${text}\n`),
        (error: unknown) => socket.end(`failed: ${String(error)}\n`),
      );
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(server);
    });
  });
}

function settings(target: GuestTarget, controlPort: number, steps: readonly string[]): string {
  const values = {
    HOST: HOST_SEEN_BY_GUEST,
    PORTS: target.ports.join(' '),
    CONTROL_PORT: controlPort,
    IQN: target.iqn,
    LUN: target.lun,
    SIZE_BYTES,
    CHAP_USER: CHAP.user,
    CHAP_SECRET: CHAP.secret,
    MUTUAL_USER: MUTUAL_CHAP.user,
    MUTUAL_SECRET: MUTUAL_CHAP.secret,
    IS_ADVERTISED: target.isAdvertised ? 'yes' : 'no',
    STEPS: steps.length === 0 ? 'all' : steps.join(' '),
    TEST_LIMIT_S,
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}='${String(value)}'\n`)
    .join('');
}

/** The guest's archive with ours behind it. */
async function writeInitrd(guest: string, path: string, settingsText: string): Promise<void> {
  await pipeline(createReadStream(join(guest, 'guest.cpio.gz')), createWriteStream(path));
  const file = (name: string): Promise<Buffer> => readFile(join(HERE, name));
  const overlay = newcArchive([
    { path: 'init-test', content: await file('guest-init.sh') },
    { path: 'test' },
    { path: 'test/guest-test.sh', content: await file('guest-test.sh') },
    { path: 'test/guest-steps.sh', content: await file('guest-steps.sh') },
    { path: 'test/path-steps.sh', content: await file('path-steps.sh') },
    { path: 'etc' },
    { path: 'etc/multipath.conf', content: await readFile(join(HOSTS, 'multipath.conf')) },
    { path: 'test/settings', content: Buffer.from(settingsText) },
  ]);
  await pipeline([overlay], createWriteStream(path, { flags: 'a' }));
}

/** Boots, prints what the guest prints, and gives its verdict. */
function runGuest(kernel: string, initrd: string): Promise<boolean> {
  const machine = ['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '3072'];
  const screen = ['-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-no-reboot'];
  // no_timer_check: under load the emulated timer is late, and the kernel takes it for broken.
  const append = 'console=ttyS0 rdinit=/init-test quiet panic=1 no_timer_check';
  const boot = ['-kernel', kernel, '-initrd', initrd, '-append', append];
  const network = ['-netdev', 'user,id=n0', '-device', 'e1000,netdev=n0'];
  const args = ['-n', '15', 'qemu-system-x86_64', ...machine, ...screen, ...boot, ...network];
  return new Promise((resolve, reject) => {
    const qemu = spawn('nice', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const guard = setTimeout(
      () => {
        process.stdout.write('the guest took too long and was killed\n');
        qemu.kill('SIGKILL');
      },
      (TEST_LIMIT_S + BOOT_LIMIT_S) * 1000,
    );
    let text = '';
    qemu.stdout.on('data', (chunk: Buffer) => {
      // A serial console ends its lines in CR LF.
      const part = chunk.toString().replaceAll('\r', '');
      text += part;
      process.stdout.write(part);
    });
    qemu.once('error', reject);
    qemu.once('exit', () => {
      clearTimeout(guard);
      resolve(/^VERDICT PASS$/m.test(text));
    });
  });
}

async function main(steps: readonly string[]): Promise<boolean> {
  const isTgt = process.env['TARGET'] === 'tgt';
  const target = isTgt
    ? await TgtGuestTarget.start(SIZE_BYTES)
    : await ScaleGuestTarget.start(SIZE_BYTES);
  const control = await startControl(target);
  const folder = await mkdtemp(join(tmpdir(), 'scale-guest-'));
  try {
    const guest = (
      await mustRun(join(HERE, 'build-guest.sh'), [], { timeoutMs: 1_200_000 })
    ).trim();
    const initrd = join(folder, 'initrd');
    const { port } = control.address() as AddressInfo;
    await writeInitrd(guest, initrd, settings(target, port, steps));
    return await runGuest(join(guest, 'vmlinuz'), initrd);
  } finally {
    control.close();
    await target.stop();
    await rm(folder, { recursive: true });
  }
}

const missing = ['qemu-system-x86_64', 'debootstrap'].filter((tool) => !isInstalled(tool));
if (missing.length > 0) {
  process.stderr.write(`vm: missing ${missing.join(', ')} (Debian: qemu-system-x86 debootstrap)\n`);
  process.exit(1);
}
const isGood = await main(process.argv.slice(2));
process.stdout.write(isGood ? 'PASS\n' : 'FAIL\n');
process.exitCode = isGood ? 0 : 1;
