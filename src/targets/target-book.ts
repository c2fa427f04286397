/**
 * The targets as they are: live ones, those whose records are damaged, and the one way to change
 * them. A change is committed to the control state first and shown after.
 */
import { RequestError } from '../request-error.ts';
import type { ControlChange, ControlState, SecretBox } from '../base/control-state.ts';
import type { BlockDevice } from '../../iscsi/scsi/block-device.ts';
import type { DeviceServer } from '../../iscsi/scsi/task.ts';
import type { Target, TargetAccess } from '../../iscsi/target/directory.ts';
import { normalName } from '../../iscsi/target/iscsi-name.ts';
import { accessOf } from './access.ts';
import { encodeTarget, sealSecrets, secretKey, targetKey } from './records.ts';
import type { LunMap, TargetRecord, TargetSecrets } from './records.ts';

/** The SCSI side of one target, with its LUNs. */
export interface LunHolder extends DeviceServer {
  mapLun(lun: number, device: BlockDevice): void;
  /** `done` when no command that came by this LUN uses the device any more. */
  unmapLun(lun: number, done?: () => void): void;
}

export interface TargetBookPorts {
  readonly control: ControlState;
  readonly secrets: SecretBox;
  readonly makeDevice: () => LunHolder;
  readonly deviceOf: (volumeId: number) => BlockDevice;
}

export class LiveTarget implements Target {
  readonly iqn: string;
  readonly device: LunHolder;
  record: TargetRecord;
  secrets: TargetSecrets | null;
  access: TargetAccess;

  constructor(iqn: string, device: LunHolder, state: TargetState) {
    this.iqn = iqn;
    this.device = device;
    this.record = state.record;
    this.secrets = state.secrets;
    this.access = accessOf(state.record, state.secrets);
  }

  get alias(): string {
    return this.record.alias;
  }

  get redirect(): string | null {
    return this.record.redirect;
  }

  luns(): readonly number[] {
    return this.record.luns.map(({ lun }) => lun);
  }

  maps(volumeId: number): boolean {
    return this.record.luns.some((map) => map.volumeId === volumeId);
  }
}

export interface TargetState {
  readonly record: TargetRecord;
  readonly secrets: TargetSecrets | null;
}

export class TargetBook {
  readonly live = new Map<string, LiveTarget>();
  readonly damaged = new Set<string>();
  readonly #ports: TargetBookPorts;

  constructor(ports: TargetBookPorts) {
    this.#ports = ports;
  }

  found(name: string): LiveTarget {
    const iqn = normalName(name);
    const target = this.live.get(iqn);
    if (target !== undefined) return target;
    if (this.damaged.has(iqn)) {
      throw new RequestError(
        'unavailable',
        `the record of ${iqn} is damaged; delete it, then create it anew`,
      );
    }
    throw new RequestError('not-found', `there is no target ${iqn}; 'target list' shows them`);
  }

  /** Makes the live target from its record. */
  show(iqn: string, state: TargetState): void {
    const target = new LiveTarget(iqn, this.#ports.makeDevice(), state);
    this.live.set(iqn, target);
    this.#map(target, state.record);
  }

  async add(iqn: string, record: TargetRecord, also: readonly ControlChange[]): Promise<void> {
    await this.commit([{ kind: 'put', key: targetKey(iqn), value: encodeTarget(record) }, ...also]);
    this.show(iqn, { record, secrets: null });
  }

  /** Without `secrets` they stay as they are. */
  async change(
    target: LiveTarget,
    fields: Partial<TargetRecord>,
    secrets: TargetSecrets | null = target.secrets,
  ): Promise<void> {
    const { iqn } = target;
    const record = { ...target.record, ...fields };
    const changes: ControlChange[] = [
      { kind: 'put', key: targetKey(iqn), value: encodeTarget(record) },
    ];
    const key = secretKey(iqn);
    if (secrets === null) changes.push({ kind: 'remove', key });
    else if (secrets !== target.secrets) {
      changes.push({ kind: 'put', key, value: sealSecrets(this.#ports.secrets, iqn, secrets) });
    }
    await this.commit(changes);
    const before = target.record;
    target.record = record;
    target.secrets = secrets;
    target.access = accessOf(record, secrets);
    for (const { lun } of before.luns) {
      if (!record.luns.some((map) => map.lun === lun)) target.device.unmapLun(lun);
    }
    const isNew = ({ lun }: { lun: number }): boolean =>
      !before.luns.some((map) => map.lun === lun);
    this.#map(target, { luns: record.luns.filter(isNew) });
  }

  async erase(iqns: readonly string[]): Promise<void> {
    const keys = iqns.flatMap((iqn) => [targetKey(iqn), secretKey(iqn)]);
    await this.commit(keys.map((key) => ({ kind: 'remove', key })));
    for (const iqn of iqns) {
      const target = this.live.get(iqn);
      for (const lun of target?.luns() ?? []) target?.device.unmapLun(lun);
      this.live.delete(iqn);
      this.damaged.delete(iqn);
    }
  }

  async commit(changes: readonly ControlChange[]): Promise<void> {
    if (changes.length > 0) await this.#ports.control.commit({ compares: [], changes });
  }

  #map(target: LiveTarget, { luns }: Pick<TargetRecord, 'luns'>): void {
    for (const { lun, volumeId } of luns) {
      target.device.mapLun(lun, this.#ports.deviceOf(volumeId));
    }
  }

  /** Takes LUNs of these volumes off the wire; stored records stay. Resolves, when no command uses them
   * any more, to what puts the LUNs back. */
  async withdraw(
    targets: readonly LiveTarget[],
    volumeIds: ReadonlySet<number>,
  ): Promise<() => void> {
    const unmapped: Promise<void>[] = [];
    const putBack = targets.map((target) => {
      const { record } = target;
      const isGone = ({ volumeId }: LunMap): boolean => volumeIds.has(volumeId);
      const gone = record.luns.filter(isGone);
      target.record = { ...record, luns: record.luns.filter((map) => !isGone(map)) };
      for (const { lun } of gone) {
        unmapped.push(new Promise((resolve) => target.device.unmapLun(lun, () => resolve())));
      }
      return (): void => {
        target.record = record;
        this.#map(target, { luns: gone });
      };
    });
    await Promise.all(unmapped);
    return () => {
      for (const back of putBack) back();
    };
  }
}
