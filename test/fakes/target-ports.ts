/** What a `TargetService` needs, in memory; the SCSI side only remembers which LUNs it was given. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecretBox } from '../../src/base/control-state.ts';
import type { Logger } from '../../src/base/ports.ts';
import { identityOf } from '../../src/identity.ts';
import { openSecretBox } from '../../src/io/secret-box.ts';
import { LogicalUnits } from '../../iscsi/scsi/logical-units.ts';
import { ReservationBook } from '../../src/targets/reservation-book.ts';
import { ReservationService } from '../../src/targets/reservation-service.ts';
import { TargetService, type UnitEvents } from '../../src/targets/target-service.ts';
import type { LunHolder } from '../../src/targets/target-book.ts';
import type { BlockDevice } from '../../iscsi/scsi/block-device.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryControlState } from './memory-control-state.ts';
import type { MemoryPool } from './memory-pool.ts';

export const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const refused = (): never => {
  throw new Error('this device serves no commands');
};

function fakeDevice(pool: MemoryPool, name: string): BlockDevice {
  const isSnapshot = name.includes('@');
  const volume = pool.volume(isSnapshot ? pool.snapshot(name).volume : name);
  const { blockSizeBytes, sizeBytes, chunkSizeBytes } = volume;
  const { id } = isSnapshot ? pool.snapshot(name) : volume;
  const readOnly = isSnapshot || volume.readOnly;
  return {
    identity: identityOf({ poolUuid: pool.uuid, volumeId: id, name }),
    blockSizeBytes,
    blocks: sizeBytes / blockSizeBytes,
    chunkSizeBytes,
    readOnly,
    removable: volume.removable,
    get kept() {
      return { ejected: pool.volume(volume.name).ejected, sanitize: null };
    },
    resources: { usedBytes: 0, availableBytes: 0, thresholdBytes: 0 },
    hasSnapshots: false,
    keep: refused,
    volatileCache: true,
    read: refused,
    write: refused,
    unmap: refused,
    writeSame: refused,
    flush: refused,
    provisioning: refused,
    poolId: pool.uuid,
    compareAndWrite: refused,
    orWrite: refused,
    copy: refused,
    pointInTime: refused,
  };
}

export class RecordingLuns implements LunHolder {
  readonly luns = new Map<number, BlockDevice>();
  readonly unmapped: number[] = [];
  mapLun(lun: number, device: BlockDevice): void {
    this.luns.set(lun, device);
  }
  unmapLun(lun: number, done: () => void = () => undefined): void {
    this.luns.delete(lun);
    this.unmapped.push(lun);
    done();
  }
  attach = refused;
  detach = refused;
  submit = refused;
  dataArrived = refused;
  dataFailed = refused;
  abortTask = refused;
  abortTaskSet = refused;
  clearTaskSet = refused;
  logicalUnitReset = refused;
  targetReset = refused;
}

/** What the logical units were told. */
export class RecordingUnits implements UnitEvents {
  readonly changed: BlockDevice[] = [];
  readonly replaced: BlockDevice[] = [];
  timesLow = 0;
  /** An initiator keeps media in. */
  prevented = false;
  removalPrevented(): boolean {
    return this.prevented;
  }
  deviceChanged(device: BlockDevice): void {
    this.changed.push(device);
  }
  contentReplaced(device: BlockDevice): void {
    this.replaced.push(device);
  }
  spaceLow(): void {
    this.timesLow += 1;
  }
}

export async function makeSecretBox(): Promise<SecretBox> {
  const folder = mkdtempSync(join(tmpdir(), 'box-'));
  try {
    return await openSecretBox(join(folder, randomBytes(4).toString('hex')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface TargetBench {
  readonly service: TargetService;
  readonly control: MemoryControlState;
  readonly secrets: SecretBox;
  /** Sessions logged in, by IQN; `dropSessions` takes them away. */
  readonly sessions: Map<string, number>;
  readonly units: RecordingUnits;
  /** Of the service that was made last. */
  readonly reservations: ReservationService;
  /** The logical units whose reservations these are. */
  readonly reserved: LogicalUnits;
  lunsOf(iqn: string): Map<number, BlockDevice>;
  /** A new service over the same state, as after a restart. */
  restart(): Promise<TargetService>;
}

export async function targetBench(pool: MemoryPool): Promise<TargetBench> {
  const control = new MemoryControlState();
  const secrets = await makeSecretBox();
  const sessions = new Map<string, number>();
  const units = new RecordingUnits();
  const makeReserved = (): { reserved: LogicalUnits; reservations: ReservationService } => {
    const book = new ReservationBook(control, quiet);
    const product = { vendor: 'SCALE', product: 'STORAGE SCALE', revision: '0001' };
    const ports = { clock: new ManualClock(), random: { bytes: randomBytes } };
    const reserved = new LogicalUnits({ ...product, ...ports, reservations: book });
    return { reserved, reservations: new ReservationService(book, reserved) };
  };
  let current = makeReserved();
  const make = (): TargetService => {
    current = makeReserved();
    return new TargetService({
      control,
      secrets,
      log: quiet,
      makeDevice: () => new RecordingLuns(),
      units,
      reservations: current.reservations,
      portals: () => [{ advertised: null, portalGroupTag: 1, loopback: true }],
      sessionCount: (iqn) => sessions.get(iqn) ?? 0,
      dropSessions: (iqn) => void sessions.delete(iqn),
    });
  };
  const attach = async (service: TargetService): Promise<TargetService> => {
    await service.attach({ pool, deviceFor: (name) => fakeDevice(pool, name) });
    return service;
  };
  const service = await attach(make());
  return {
    service,
    control,
    secrets,
    sessions,
    units,
    get reservations() {
      return current.reservations;
    },
    get reserved() {
      return current.reserved;
    },
    lunsOf: (iqn) => {
      const device = service.find(iqn)?.device;
      if (!(device instanceof RecordingLuns)) throw new Error(`no target ${iqn}`);
      return device.luns;
    },
    restart: () => attach(make()),
  };
}
