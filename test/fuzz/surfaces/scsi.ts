/**
 * CDBs and parameter lists, straight to the device server: each task ends exactly once, with as much
 * data as it says and no more than was asked for.
 */
import type { Prng } from '../../sim/prng.ts';
import { hex, setUp, type Host } from '../../unit/iscsi/scsi/host.ts';
import { noise } from '../mutate.ts';
import { anyCommand } from '../parameter-lists.ts';
import { must, type Surface } from '../surface.ts';

/** What the Data-In of one command may have at most: the largest transfer, or a list of everything. */
const MOST_DATA_IN_BYTES = 16 << 20;

function one(random: Prng, host: Host): void {
  const { cdb, dataOut } = anyCommand(random);
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
