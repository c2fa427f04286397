/**
 * EXTENDED COPY through iSCSI: a volume that was written from its beginning to its end, copied by the
 * target to another, in commands as large as hosts send them.
 *
 *   SIZE=10 npx node test/bench/offloaded-copy.ts       GiB, by default 1; needs as much on the disk
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentHash, fillVolume } from '../e2e/fill-volume.ts';
import { mebibytes, printTable } from '../e2e/images/report.ts';
import { answerOf } from '../initiator/answers.ts';
import { bytesWithOffset, copyOut, cscdOf, lid1 } from '../initiator/copy-lists.ts';
import { portalOf, TcpInitiator } from '../initiator/tcp-initiator.ts';
import { Scale } from '../peers/scale.ts';

const MIB = 2 ** 20;
const gibibytes = Number(process.env['SIZE'] ?? '1');
const COMMANDS_IN_FLIGHT = 4;
/** ESXi sends 4 MiB; what else copies takes what the target says it may. */
const COMMAND_MIB = [64, 4];

interface PoolFigures {
  readonly storedBytes: number;
  readonly metadataBytes: number;
}

const folder = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'scale-copy-'));
const dataDirectory = join(folder, 'data');
let scale = await Scale.start({ dataDirectory });
try {
  await fillVolume(scale, 'source', { mebibytes: gibibytes * 1024, seed: 1, dedup: 'pre-ack' });
  const rows: string[][] = [];
  for (const mibACommand of COMMAND_MIB)
    rows.push(await copied(`copy-${mibACommand}`, mibACommand));
  await scale.terminate();
  scale = await Scale.start({ dataDirectory });
  rows.push(await copied('copy-after-start', 64, ', after a start'));
  printTable(['EXTENDED COPY', 's', 'GiB/s', 'stored, MiB', 'metadata, MiB'], rows);
  const hashes = new Set<string>();
  for (const name of ['source', 'copy-after-start']) hashes.add(await contentHash(scale, name));
  if (hashes.size > 1) throw new Error('a copy has other bytes than what it was made of');
} finally {
  await scale.kill();
  await rm(folder, { recursive: true });
}

async function opened(name: string): Promise<{ session: TcpInitiator; cscd: string }> {
  const { naa, iscsiUrl } = await scale.cli<{ naa: string; iscsiUrl: string }>(
    'volume',
    'show',
    name,
  );
  const session = await TcpInitiator.open(portalOf(iscsiUrl));
  await answerOf(session, { cdb: Buffer.alloc(16) });
  return { session, cscd: cscdOf(Buffer.from(naa, 'hex'), 512) };
}

async function copied(name: string, mibACommand: number, when = ''): Promise<string[]> {
  await scale.createVolume(name, '--size', `${gibibytes}G`);
  // A host copies between volumes that it is logged in to.
  const [from, to] = [await opened('source'), await opened(name)];
  const cscds = [from.cscd, to.cscd];
  const figures = (): Promise<PoolFigures> => scale.cli<PoolFigures>('pool', 'status');
  const before = await figures();
  const commands = (gibibytes * 1024) / mibACommand;
  let next = 0;
  const began = performance.now();
  const copier = async (): Promise<void> => {
    while (next < commands) {
      const listId = 1 + (next % 200);
      const lba = (next++ * mibACommand * MIB) / 512;
      const segment = bytesWithOffset(mibACommand * MIB, { to: 1, sourceLba: lba, lba });
      const list = lid1(cscds, [segment], { listId });
      const cdb = Buffer.from(copyOut('00', list).replaceAll(' ', ''), 'hex');
      const answer = await answerOf(to.session, { cdb, dataOut: Buffer.from(list) });
      if (answer !== 'good') throw new Error(`EXTENDED COPY was answered ${answer}`);
    }
  };
  await Promise.all(Array.from({ length: COMMANDS_IN_FLIGHT }, copier));
  const seconds = (performance.now() - began) / 1000;
  for (const { session } of [from, to]) session.close();
  const { usedBytes } = await scale.cli<{ usedBytes: number }>('volume', 'show', name);
  if (usedBytes !== gibibytes * 1024 * MIB) throw new Error(`${usedBytes} bytes were copied`);
  const after = await figures();
  return [
    `${gibibytes} GiB, ${mibACommand} MiB a command${when}`,
    seconds.toFixed(2),
    (gibibytes / seconds).toFixed(2),
    mebibytes(after.storedBytes - before.storedBytes),
    mebibytes(after.metadataBytes - before.metadataBytes),
  ];
}
