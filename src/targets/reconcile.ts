/**
 * At start: reads every target's record and brings records and volumes together again after whatever
 * a crash left half done. All repairs are one transaction.
 */
import type {
  ControlChange,
  ControlEntry,
  ControlState,
  SecretBox,
} from '../base/control-state.ts';
import type { Logger } from '../base/ports.ts';
import type { PoolControl, VolumeInfo } from '../../pool/types.ts';
import { defaultIqn } from './names.ts';
import {
  decodeTarget,
  encodeTarget,
  encodeText,
  exportKey,
  exportPrefix,
  newRecord,
  openSecrets,
  secretKey,
  targetKey,
  targetPrefix,
  usedIqnKey,
} from './records.ts';
import type { TargetRecord, TargetSecrets } from './records.ts';

export interface ReconcilePorts {
  readonly control: ControlState;
  readonly secrets: SecretBox;
  readonly log: Logger;
  readonly pool: PoolControl;
}

export interface FoundTarget {
  readonly iqn: string;
  readonly record: TargetRecord;
  readonly secrets: TargetSecrets | null;
}

export interface Found {
  readonly targets: readonly FoundTarget[];
  /** IQNs whose records or secrets cannot be read: nobody is let in. */
  readonly damaged: readonly string[];
}

const isThere = (volume: VolumeInfo): boolean => volume.state !== 'deleting';

/** The volume's name as IQN, or with the volume's id where that name was used before. */
export async function freeIqn(
  control: ControlState,
  poolUuid: Uint8Array,
  volume: VolumeInfo,
): Promise<string> {
  const plain = defaultIqn({ poolUuid, volumeName: volume.name, volumeId: null });
  const used = await control.get(usedIqnKey(plain));
  const target = await control.get(targetKey(plain));
  if (used === null && target === null) return plain;
  return defaultIqn({ poolUuid, volumeName: volume.name, volumeId: volume.id });
}

/** The volume's own target, as LUN 0, and what is written with it. */
export function ownTarget(
  iqn: string,
  volume: VolumeInfo,
): { record: TargetRecord; also: ControlChange[] } {
  const luns = [{ lun: 0, volumeId: volume.id }];
  const record = { ...newRecord, alias: volume.name, luns, ownVolumeId: volume.id };
  return {
    record,
    also: [
      { kind: 'remove', key: exportKey(volume.name) },
      { kind: 'put', key: usedIqnKey(iqn), value: encodeText(String(volume.id)) },
    ],
  };
}

export async function reconcile(ports: ReconcilePorts): Promise<Found> {
  const { control, log, pool } = ports;
  const volumes = pool.volumes().filter(isThere);
  const ids = new Set([...volumes.map(({ id }) => id), ...pool.snapshotIds()]);
  const targets: FoundTarget[] = [];
  const damaged: string[] = [];
  const changes: ControlChange[] = [];

  for (const entry of await control.list(targetPrefix)) {
    const iqn = entry.key.slice(targetPrefix.length);
    const read = await readTarget(ports, iqn, entry);
    if (read === null) {
      log.error({ iqn }, 'the record of this target is damaged: delete it and create it anew');
      damaged.push(iqn);
      continue;
    }
    const { record, secrets } = read;
    if (record.ownVolumeId !== null && !ids.has(record.ownVolumeId)) {
      log.info({ iqn }, 'target goes with its volume');
      for (const key of [targetKey(iqn), secretKey(iqn)]) changes.push({ kind: 'remove', key });
      continue;
    }
    const kept = withoutGone(record, ids);
    if (kept !== record) {
      log.info({ iqn }, 'maps of volumes that are gone are dropped');
      changes.push({ kind: 'put', key: targetKey(iqn), value: encodeTarget(kept) });
    }
    targets.push({ iqn, record: kept, secrets });
  }
  const owed = await exportsOwed(ports, volumes);
  changes.push(...owed.changes);
  targets.push(...owed.targets);
  if (changes.length > 0) await control.commit({ compares: [], changes });
  return { targets, damaged };
}

async function readTarget(
  { control, secrets: box }: ReconcilePorts,
  iqn: string,
  entry: ControlEntry,
): Promise<{ record: TargetRecord; secrets: TargetSecrets | null } | null> {
  const record = entry.value === null ? null : decodeTarget(entry.value);
  if (record === null) return null;
  if (record.chap === null) return { record, secrets: null };
  // A target that asks for CHAP and has lost its secret lets nobody in: never fall back to open.
  const sealed = (await control.get(secretKey(iqn)))?.value ?? null;
  const secrets = sealed === null ? null : openSecrets(box, iqn, sealed);
  return secrets === null ? null : { record, secrets };
}

function withoutGone(record: TargetRecord, ids: ReadonlySet<number>): TargetRecord {
  const luns = record.luns.filter(({ volumeId }) => ids.has(volumeId));
  return luns.length === record.luns.length ? record : { ...record, luns };
}

/** Volumes that were made, but whose target the crash forestalled. */
async function exportsOwed(
  { control, log, pool }: ReconcilePorts,
  volumes: readonly VolumeInfo[],
): Promise<{ targets: FoundTarget[]; changes: ControlChange[] }> {
  const targets: FoundTarget[] = [];
  const changes: ControlChange[] = [];
  for (const { key } of await control.list(exportPrefix)) {
    const name = key.slice(exportPrefix.length);
    const volume = volumes.find((one) => one.name === name);
    if (volume === undefined) {
      changes.push({ kind: 'remove', key });
      continue;
    }
    const iqn = await freeIqn(control, pool.uuid, volume);
    const { record, also } = ownTarget(iqn, volume);
    log.info({ iqn, volume: name }, 'volume is exported, as was asked for when it was made');
    changes.push({ kind: 'put', key: targetKey(iqn), value: encodeTarget(record) }, ...also);
    targets.push({ iqn, record, secrets: null });
  }
  return { targets, changes };
}
