/**
 * CDBs and parameter lists, straight to the device server: each task ends exactly once, with as much
 * data as it says and no more than was asked for.
 */
import { commandTable } from '../../../iscsi/scsi/command-table.ts';
import type { Prng } from '../../sim/prng.ts';
import { hex, setUp, type Host } from '../../unit/iscsi/scsi/host.ts';
import { mutate, noise } from '../mutate.ts';
import { must, type Surface } from '../surface.ts';

/** What the Data-In of one command may have at most: the largest transfer, or a list of everything. */
const MOST_DATA_IN_BYTES = 16 << 20;
/** UNMAP with two descriptors; MODE SELECT(6) and (10) of the caching page. */
const LISTS = [
  '002600200000000000000000000000000000001000000000000000000000010000000008 00000000',
  '00000000081200000000000000000000000000000000000000',
  '0000000000000000081200000000000000000000000000000000000000',
].map((text) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex')));

/** Noise, or a CDB of a known command whose fields pass its mask, near the start of the LUN or not. */
export function anyCdb(random: Prng): Uint8Array {
  const cdb = new Uint8Array(16);
  random.fill(cdb);
  if (random.chance(0.1)) return cdb;
  const row = random.pick(commandTable.rows);
  row.usage.forEach((mask, at) => {
    cdb[at] = (cdb[at] ?? 0) & mask;
  });
  cdb.fill(0, row.usage.length);
  cdb[0] = row.opcode;
  if (row.serviceAction !== null) cdb[1] = row.serviceAction;
  if (random.chance(0.7)) {
    for (const at of [2, 3, 4, 6, 7, 10, 11, 12]) cdb[at] = 0;
    cdb[8] = (cdb[8] ?? 0) & 0x07;
  }
  if (random.chance(0.1)) cdb[random.below(16)] = random.below(256);
  return cdb;
}

function one(random: Prng, host: Host): void {
  const dataOut = random.chance(0.5) ? mutate(random, random.pick(LISTS)) : noise(random, 5000);
  const cdb = anyCdb(random);
  // The length fields of UNMAP and MODE SELECT say what is sent, most of the time.
  if ((cdb[0] === 0x42 || cdb[0] === 0x55) && random.chance(0.8)) {
    cdb[7] = dataOut.length >> 8;
    cdb[8] = dataOut.length & 0xff;
  }
  if (cdb[0] === 0x15 && random.chance(0.8)) cdb[4] = Math.min(255, dataOut.length);
  const lun = random.chance(0.1) ? hex(noise(random, 8)).padEnd(16, '0') : '0000000000000000';
  const task = host.send(hex(cdb), { lun, dataOut, attribute: random.below(5) as 0 });
  must(task.outcome !== 'pending', `CDB ${hex(cdb)} has no end`);
  const views = task.result?.dataIn.views ?? [];
  const bytes = views.reduce((sum, view) => sum + view.length, 0);
  must(
    bytes === (task.result?.dataInBytes ?? 0),
    `CDB ${hex(cdb)} says another length than it has`,
  );
  must(bytes <= MOST_DATA_IN_BYTES, `CDB ${hex(cdb)} answers with ${bytes} bytes`);
}

export const scsiSurface: Surface = {
  name: 'scsi',
  share: 2,
  load: () =>
    Promise.resolve((random) => {
      const { host } = setUp({ blockSizeBytes: random.pick([512, 4096] as const) });
      for (let commands = 20; commands > 0; commands--) one(random, host);
    }),
};
