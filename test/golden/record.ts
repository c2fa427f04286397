/**
 * Records the golden PDUs: what libiscsi and QEMU (initiators) and tgt (target) put on the wire,
 * with our code in neither place; but for copies, which tgt has not: there the initiator's PDUs are
 * golden, and the target is ours on memory. Needs root and Debian's tgt, libiscsi-bin, qemu-utils and
 * qemu-block-extra.
 *
 *   npx node test/golden/record.ts [scenario…]      writes test/golden/<scenario>.json
 *
 * A file is an array of {direction, hex, note}. `hex` is one whole PDU with padding and digests;
 * where `cutFromBytes` is there, the PDU had that many bytes and `hex` only its beginning. The
 * recordings in the tree are of libiscsi 1.19.0, QEMU 7.2 and tgt 1.0.85 (Debian 12).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, sleep } from '../peers/command.ts';
import { Tgt, type TgtOptions } from '../peers/tgt.ts';
import { describePdu } from './describe-pdu.ts';
import type { Pdu } from './pdu-splitter.ts';
import { RecordingProxy } from './recording-proxy.ts';

const WHOLE_UP_TO_BYTES = 1200;
const CUT_TO_BYTES = 128;
/** Of a long scenario its beginning and its end. */
const KEEP_FIRST = 60;
const KEEP_LAST = 40;
const MEBIBYTE = 1 << 20;

interface Scenario {
  readonly name: string;
  /** The target is ours. */
  readonly ours?: true;
  readonly target?: Pick<TgtOptions, 'chap' | 'mutualChap' | 'nopInterval'>;
  /** Administration of the target before the clients run. */
  readonly prepare?: (tgt: Tgt) => Promise<unknown>;
  /** `url` leads through the proxy to the disk; `credentials` stand before the host. */
  readonly play: (place: {
    url: (credentials?: string) => string;
    portal: string;
    port: number;
  }) => Promise<unknown>;
}

const client = (program: string, ...args: string[]): Promise<unknown> =>
  run(program, args, { timeoutMs: 30_000 });

const suite = (url: string, test: string): Promise<unknown> =>
  client('iscsi-test-cu', '-d', '-s', '-t', test, url);

/** One connection that sends given bytes and collects no answer itself: the proxy does. */
async function sendRaw(port: number, pdus: readonly Buffer[]): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => socket.destroy());
  for (const pdu of pdus) {
    socket.write(pdu);
    await sleep(200);
  }
  socket.destroy();
}

function loginRequest(text: string): Buffer {
  const data = Buffer.from(text, 'latin1');
  const pdu = Buffer.alloc(48 + ((data.length + 3) & ~3));
  // Immediate Login Request, T=1, CSG = LoginOperationalNegotiation, NSG = FullFeaturePhase.
  pdu.writeUInt8(0x43, 0);
  pdu.writeUInt8(0x87, 1);
  pdu.writeUIntBE(data.length, 5, 3);
  pdu.writeUInt8(0x80, 8);
  pdu.writeUInt32BE(1, 16);
  pdu.writeUInt32BE(1, 24);
  data.copy(pdu, 48);
  return pdu;
}

const SET_PARAMETER = '--lld iscsi --op update --mode target --tid 1 --name';
const NAMES = 'InitiatorName=iqn.2026-01.org.example:raw\0TargetName=iqn.2026-01.org.example:tgt\0';

const SCENARIOS: readonly Scenario[] = [
  { name: 'discovery', play: ({ portal }) => client('iscsi-ls', `iscsi://${portal}`) },
  { name: 'inquiry', play: ({ url }) => client('iscsi-inq', url()) },
  {
    name: 'target-not-found',
    play: ({ portal }) => client('iscsi-inq', `iscsi://${portal}/iqn.2026-01.org.example:none/1`),
  },
  {
    name: 'chap',
    target: { chap: { user: 'alice', secret: 'a-secret-of-alice' } },
    play: ({ url }) => client('iscsi-inq', url('alice%a-secret-of-alice@')),
  },
  {
    name: 'chap-refused',
    target: { chap: { user: 'alice', secret: 'a-secret-of-alice' } },
    play: ({ url }) => client('iscsi-inq', url('alice%not-her-secret@')),
  },
  {
    name: 'chap-mutual',
    target: {
      chap: { user: 'alice', secret: 'a-secret-of-alice' },
      mutualChap: { user: 'storage', secret: 'another-of-target' },
    },
    play: ({ url }) =>
      client(
        'iscsi-inq',
        `${url('alice%a-secret-of-alice@')}?target_user=storage&target_password=another-of-target`,
      ),
  },
  {
    name: 'header-digest',
    prepare: (tgt) => tgt.admin(`${SET_PARAMETER} HeaderDigest --value CRC32C`),
    play: ({ url }) =>
      client('qemu-io', '-f', 'raw', url(), '-c', 'write -P 0x77 0 512', '-c', 'read 0 512'),
  },
  {
    name: 'read-write',
    play: ({ url }) =>
      client(
        ...([
          'qemu-io',
          '-f',
          'raw',
          url(),
          '-c',
          'write -P 0xa5 1M 512',
          '-c',
          'read 1M 512',
        ] as const),
        ...['-c', 'flush', '-c', 'write -z 2M 64k', '-c', 'discard 4M 1M', '-c', 'read -P 0 3M 1k'],
      ),
  },
  {
    name: 'write-r2t',
    play: ({ url }) => client('qemu-io', '-f', 'raw', url(), '-c', 'write -P 0x5a 1M 512k'),
  },
  {
    name: 'write-unsolicited',
    prepare: (tgt) => tgt.admin(`${SET_PARAMETER} InitialR2T --value No`),
    play: ({ url }) => client('qemu-io', '-f', 'raw', url(), '-c', 'write -P 0x5a 1M 128k'),
  },
  {
    name: 'read-large',
    play: ({ url }) => client('qemu-io', '-f', 'raw', url(), '-c', 'read 1M 256k'),
  },
  { name: 'sense', play: ({ url }) => suite(url(), 'SCSI.Read16.BeyondEol') },
  { name: 'verify-mismatch', play: ({ url }) => suite(url(), 'SCSI.Verify10.Mismatch') },
  { name: 'residuals', play: ({ url }) => suite(url(), 'iSCSI.iSCSIResiduals.Read10Residuals') },
  {
    name: 'write-residuals',
    play: ({ url }) => suite(url(), 'iSCSI.iSCSIResiduals.Write10Residuals'),
  },
  {
    name: 'extended-copy',
    ours: true,
    play: ({ url }) => suite(url(), 'SCSI.ExtendedCopy.Simple'),
  },
  { name: 'task-management', play: ({ url }) => suite(url(), 'iSCSI.iSCSITMF') },
  {
    // QEMU sends a NOP-Out every 5 s.
    name: 'nop-out',
    play: ({ url }) => client('qemu-io', '-f', 'raw', url(), '-c', 'sleep 5500'),
  },
  { name: 'data-sn-invalid', play: ({ url }) => suite(url(), 'iSCSI.iSCSIdatasn') },
  {
    name: 'target-nop-in',
    target: { nopInterval: 1 },
    play: ({ url }) =>
      client('qemu-io', '-f', 'raw', url(), '-c', 'read 0 512', '-c', 'sleep 2500'),
  },
  {
    name: 'unknown-key',
    play: ({ port }) =>
      sendRaw(port, [
        loginRequest(
          `${NAMES}SessionType=Normal\0HeaderDigest=CRC32C,None\0DataDigest=CRC32C,None\0` +
            'X-org.example.colour=blue\0NoSuchKey=1\0MaxBurstLength=1048576\0',
        ),
      ]),
  },
];

function entryOf(pdu: Pdu): object {
  const { direction, bytes } = pdu;
  const note = describePdu(pdu);
  if (bytes.length <= WHOLE_UP_TO_BYTES) return { direction, hex: bytes.toString('hex'), note };
  const hex = bytes.toString('hex', 0, CUT_TO_BYTES);
  return { direction, hex, note, cutFromBytes: bytes.length };
}

interface Recordable {
  readonly port: number;
  readonly iqn: string;
  readonly lun: number;
  stop(): Promise<void>;
}

async function startOurs(): Promise<Recordable> {
  const script = join(import.meta.dirname, '..', 'null-target.ts');
  const child = spawn(process.execPath, [script, '0', '64'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { port, pathname } = new URL(line.toString().trim());
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  };
  return { port: Number(port), iqn: pathname.split('/')[1] ?? '', lun: 0, stop };
}

async function startTgt(scenario: Scenario, folder: string): Promise<Recordable> {
  const file = join(folder, `${scenario.name}.img`);
  const tgt = await Tgt.start({ file, sizeBytes: 64 * MEBIBYTE, ...scenario.target });
  await scenario.prepare?.(tgt);
  return { port: tgt.port, iqn: tgt.iqn, lun: 1, stop: () => tgt.stop() };
}

async function record(scenario: Scenario, folder: string): Promise<void> {
  const target = await (scenario.ours === true ? startOurs() : startTgt(scenario, folder));
  const proxy = await RecordingProxy.start(target.port);
  try {
    const portal = `127.0.0.1:${String(proxy.port)}`;
    const url = (credentials = ''): string =>
      `iscsi://${credentials}${portal}/${target.iqn}/${String(target.lun)}`;
    await scenario.play({ url, portal, port: proxy.port });
    const pdus = proxy.take();
    const kept = pdus.filter((_, index) => index < KEEP_FIRST || index >= pdus.length - KEEP_LAST);
    const path = join(import.meta.dirname, `${scenario.name}.json`);
    await writeFile(path, `${JSON.stringify(kept.map(entryOf), null, 2)}\n`);
    process.stdout.write(
      `${scenario.name}: ${String(kept.length)} of ${String(pdus.length)} PDUs\n`,
    );
  } finally {
    await proxy.stop();
    await target.stop();
  }
}

const wanted = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'scale-golden-'));
try {
  for (const scenario of SCENARIOS) {
    if (wanted.length === 0 || wanted.includes(scenario.name)) await record(scenario, folder);
  }
} finally {
  await rm(folder, { recursive: true });
}
