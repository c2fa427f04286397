/** The storm of task management functions on a device that takes its time, over real sockets. */
import { LogicalUnits } from '../../../iscsi/scsi/logical-units.ts';
import { ScsiTarget } from '../../../iscsi/scsi/scsi-target.ts';
import { IscsiServer } from '../../../iscsi/server.ts';
import type { Target, TargetDirectory } from '../../../iscsi/target/directory.ts';
import { RealClock } from '../../../src/io/real-clock.ts';
import { RealRandom } from '../../../src/io/real-random.ts';
import { openAccess, quiet } from '../../initiator/joined.ts';
import { SeededRandom } from '../../initiator/random.ts';
import type { WriteOperation } from '../../../iscsi/scsi/block-device.ts';
import { MemoryDevice } from '../../memory-device.ts';
import { runStorm } from '../../storm/storm.ts';

const UNITS = 1024;
const SEED = 1;
const FUNCTIONS = 600;

/** Half of its writes can't be called back any more when an abort comes. */
class SteadfastDevice extends MemoryDevice {
  readonly #random = new SeededRandom(SEED);

  override write(operation: WriteOperation): void {
    const { lba, blocks, fua, data } = operation;
    const done: WriteOperation['done'] = (error) => {
      operation.done(error);
    };
    const steadfast = { aborted: false, lba, blocks, fua, data, done };
    super.write(this.#random.below(2) === 0 ? operation : steadfast);
  }
}

/** One volume as LUN 0 of a target and as LUN 5 of another, on two portals. */
async function serve() {
  const ports = { clock: new RealClock(), random: new RealRandom() };
  const units = new LogicalUnits({ vendor: 'SCALE', product: 'STORM', revision: '1', ...ports });
  const device = new SteadfastDevice({ blocks: UNITS * 2 });
  const targets = [0, 5].map((lun): Target & { device: ScsiTarget } => {
    const target = new ScsiTarget(units);
    target.mapLun(lun, device);
    const iqn = `iqn.2026-01.org.example:lun-${lun}`;
    return {
      iqn,
      alias: '',
      access: openAccess,
      redirect: null,
      device: target,
      luns: () => [lun],
    };
  });
  const directory: TargetDirectory = {
    ready: true,
    find: (iqn) => targets.find((target) => target.iqn === iqn) ?? null,
    list: () => targets,
    portals: () => [],
  };
  const server = new IscsiServer({ ...ports, directory, log: quiet });
  const portal = { host: '127.0.0.1', port: 0, advertised: null };
  const addresses = await server.listen([
    { ...portal, portalGroupTag: 1 },
    { ...portal, portalGroupTag: 2 },
  ]);
  const paths = addresses.flatMap(({ port }) =>
    targets.map(({ iqn, luns }) => ({ port, iqn, lun: luns()[0] ?? 0 })),
  );
  return { units, device, targets, server, paths };
}

test(`${FUNCTIONS} task management functions under load from four sessions: all is answered, nothing is left`, async () => {
  const { units, device, targets, server, paths } = await serve();
  const random = new SeededRandom(SEED);
  device.holding = true;
  const slowness = setInterval(() => {
    const held = Array.from({ length: device.heldCount }, (_, index) => index);
    device.release(held.filter(() => random.below(3) === 0));
  }, 1);
  try {
    const storm = { portals: paths, unitCount: UNITS, seed: SEED, functions: FUNCTIONS };
    const { wrong, counts } = await runStorm(storm);
    expect(wrong).toEqual([]);
    expect(counts.get('commands good')).toBeGreaterThan(100);
    expect(counts.get('commands aborted')).toBeGreaterThan(100);
  } finally {
    clearInterval(slowness);
    device.holding = false;
    device.release();
    await server.close();
  }
  // A command that were left in the task set would keep the unit.
  targets[0]?.device.unmapLun(0);
  targets[1]?.device.unmapLun(5);
  expect(units.find(device)).toBe(null);
  expect(server.sessions()).toEqual([]);
}, 60_000);
