/**
 * Which volume is which LUN of which target, and who may log in: the answers the iSCSI layer asks
 * for, and the changes that operators make. Changes take turns, reads never wait. Until `attach`
 * there is no pool, `ready` is false and logins are told to come again (0301).
 */
import { setImmediate } from 'node:timers/promises';
import type { ControlState, SecretBox } from '../base/control-state.ts';
import type { Logger } from '../base/ports.ts';
import type { BlockDevice } from '../../iscsi/scsi/block-device.ts';
import { MAX_LUN } from '../../iscsi/scsi/lun.ts';
import type { Portal, Target, TargetDirectory } from '../../iscsi/target/directory.ts';
import { normalName } from '../../iscsi/target/iscsi-name.ts';
import type { PoolControl, VolumeInfo } from '../../pool/types.ts';
import { identityOf } from '../identity.ts';
import { RequestError } from '../request-error.ts';
import { checkChap } from './access.ts';
import type { ChapSetting } from './access.ts';
import { iscsiNameOf } from './names.ts';
import { freeIqn, ownTarget, reconcile } from './reconcile.ts';
import { encodeText, exportKey, newRecord } from './records.ts';
import { TargetBook } from './target-book.ts';
import type { LiveTarget, LunHolder } from './target-book.ts';

const SERIALS_PER_TURN = 256;

/** The logical units: a device is one of them, whatever targets show it. */
export interface UnitEvents {
  /** The device has another size or other settings now: its initiators are told. */
  deviceChanged(device: BlockDevice): void;
  /** It has other content now: its initiators are told. */
  contentReplaced(device: BlockDevice): void;
  /** An initiator keeps its medium in. */
  removalPrevented(device: BlockDevice): boolean;
  /** Less of the pool is free than the soft threshold says: all initiators are told. */
  spaceLow(): void;
}

/** Whose reservations there are to keep. */
export interface ReservationKeeper {
  /** Once, before any logical unit is there. `serials`: of all volumes and snapshots. */
  open(serials: ReadonlySet<string>): Promise<void>;
  /** Their volumes or snapshots are gone. */
  forget(serials: readonly string[]): Promise<void>;
}

export interface TargetServicePorts {
  readonly control: ControlState;
  readonly secrets: SecretBox;
  readonly log: Logger;
  readonly makeDevice: () => LunHolder;
  readonly units: UnitEvents;
  readonly reservations: ReservationKeeper;
  readonly portals: () => readonly Portal[];
  /** Sessions that are logged in to the target now. */
  readonly sessionCount: (iqn: string) => number;
  readonly dropSessions: (iqn: string) => void;
}

/** What the pool gives once it serves. */
export interface Attachment {
  readonly pool: PoolControl;
  readonly deviceFor: (volumeName: string) => BlockDevice;
}

export interface TargetInfo {
  readonly iqn: string;
  readonly open: boolean;
  readonly allowed: readonly string[];
  readonly chap: { readonly user: string; readonly mutualUser: string | null } | null;
  readonly luns: readonly { readonly lun: number; readonly volume: string }[];
  readonly redirect: string | null;
  readonly sessions: number;
  /** 'damaged': its record cannot be read; nobody may log in, it can only be deleted. */
  readonly state: 'online' | 'damaged';
}

export class TargetService implements TargetDirectory {
  readonly #ports: TargetServicePorts;
  readonly #book: TargetBook;
  /** Of volumes and snapshots that were mapped, by id: each has one for all its LUNs. */
  readonly #devices = new Map<number, BlockDevice>();
  #attachment: Attachment | null = null;
  #ready = false;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(ports: TargetServicePorts) {
    this.#ports = ports;
    const { control, secrets, makeDevice } = ports;
    const deviceOf = (volumeId: number): BlockDevice => this.#deviceOf(volumeId);
    this.#book = new TargetBook({ control, secrets, makeDevice, deviceOf });
  }

  get ready(): boolean {
    return this.#ready;
  }

  find(iqn: string): Target | null {
    return this.#book.live.get(iqn) ?? null;
  }

  list(): readonly Target[] {
    return [...this.#book.live.values()];
  }

  portals(): readonly Portal[] {
    return this.#ports.portals();
  }

  /** The pool serves: brings records and volumes together and opens the targets. */
  async attach(attachment: Attachment): Promise<void> {
    const { control, secrets, log } = this.#ports;
    const found = await reconcile({ control, secrets, log, pool: attachment.pool });
    this.#attachment = attachment;
    const { pool } = attachment;
    const all = [...pool.volumes().map(({ id }) => id), ...pool.snapshotIds()];
    await this.#ports.reservations.open(new Set(await this.#serialsOf(all)));
    for (const iqn of found.damaged) this.#book.damaged.add(iqn);
    for (const { iqn, record, secrets: opened } of found.targets) {
      this.#book.show(iqn, { record, secrets: opened });
    }
    this.#ready = true;
  }

  /** The member goes down: logins are told to come again. */
  refuseLogins(): void {
    this.#ready = false;
  }

  infos(): TargetInfo[] {
    const damaged = [...this.#book.damaged].map((iqn): TargetInfo => {
      const { open, allowed, redirect } = newRecord;
      return { iqn, open, allowed, chap: null, luns: [], redirect, sessions: 0, state: 'damaged' };
    });
    const live = [...this.#book.live.keys()].map((iqn) => this.info(iqn));
    return [...live, ...damaged].sort((a, b) => (a.iqn < b.iqn ? -1 : 1));
  }

  info(name: string): TargetInfo {
    const { iqn, record } = this.#book.found(name);
    const { pool } = this.#attached();
    const luns = record.luns.flatMap(({ lun, volumeId }) => {
      const volume = pool.nameOf(volumeId);
      return volume === null ? [] : [{ lun, volume }];
    });
    const { open, allowed, chap, redirect } = record;
    const sessions = this.#ports.sessionCount(iqn);
    return { iqn, open, allowed, chap, luns, redirect, sessions, state: 'online' };
  }

  /** Where a volume is mapped; its own target first. */
  mapsOf(volumeId: number): { iqn: string; lun: number }[] {
    const targets = this.#mapping(volumeId);
    const isOwn = ({ record }: LiveTarget): number => Number(record.ownVolumeId === volumeId);
    targets.sort((a, b) => isOwn(b) - isOwn(a));
    return targets.flatMap(({ iqn, record }) =>
      record.luns.filter((map) => map.volumeId === volumeId).map(({ lun }) => ({ iqn, lun })),
    );
  }

  /** Size or settings of a volume are not as they were: its initiators are told. */
  volumeChanged(volumeId: number): void {
    const device = this.#devices.get(volumeId);
    if (device !== undefined) this.#ports.units.deviceChanged(device);
  }

  /** Takes the medium of a removable volume out, or puts it back, and tells its initiators. What keeps
   * it in, `force` overrides. */
  setEjected(
    name: string,
    { ejected, force }: { ejected: boolean; force: boolean },
  ): Promise<VolumeInfo> {
    return this.#inTurn(async () => {
      const { pool } = this.#attached();
      const { id } = pool.volume(name);
      const device = this.#devices.get(id);
      if (ejected && !force && device !== undefined && this.#ports.units.removalPrevented(device)) {
        const message = `an initiator keeps the medium of ${name} in; have it let go, or use --force`;
        throw new RequestError('in-use', message);
      }
      const volume = await pool.setVolume(name, { ejected });
      this.volumeChanged(id);
      return volume;
    });
  }

  /** Less of the pool is free than the soft threshold says: all initiators are told. */
  spaceLow(): void {
    this.#ports.units.spaceLow();
  }

  create(name: string, options: { redirect: string | null }): Promise<TargetInfo> {
    return this.#inTurn(async () => {
      const iqn = iscsiNameOf(name);
      if (this.#book.live.has(iqn) || this.#book.damaged.has(iqn)) {
        throw new RequestError('exists', `target ${iqn} is there already; choose another name`);
      }
      await this.#book.add(iqn, { ...newRecord, redirect: options.redirect }, []);
      return this.info(iqn);
    });
  }

  delete(name: string, options: { force: boolean }): Promise<void> {
    return this.#inTurn(async () => {
      const iqn = normalName(name);
      if (!this.#book.damaged.has(iqn)) {
        this.#refuseInUse(this.#book.found(iqn), `target ${iqn}`, options.force);
      }
      await this.#book.erase([iqn]);
      this.#ports.dropSessions(iqn);
    });
  }

  /** A volume, or a snapshot by VOLUME@SNAPSHOT. Without a LUN it takes the lowest that is free. */
  map(name: string, volumeName: string, lun: number | null): Promise<TargetInfo> {
    return this.#inTurn(async () => {
      const target = this.#book.found(name);
      const { pool } = this.#attached();
      const isSnapshot = volumeName.includes('@');
      const { id } = isSnapshot ? pool.snapshot(volumeName) : pool.volume(volumeName);
      const taken = new Set(target.record.luns.map((map) => map.lun));
      let chosen = lun ?? 0;
      if (lun === null) while (taken.has(chosen)) chosen += 1;
      if (chosen > MAX_LUN) {
        throw new RequestError('invalid', `LUN ${chosen} is out of range; use 0 to ${MAX_LUN}`);
      }
      if (taken.has(chosen)) {
        const message = `LUN ${chosen} of ${target.iqn} is taken; unmap it first or choose another`;
        throw new RequestError('exists', message);
      }
      const luns = [...target.record.luns, { lun: chosen, volumeId: id }];
      luns.sort((a, b) => a.lun - b.lun);
      await this.#book.change(target, { luns });
      return this.info(target.iqn);
    });
  }

  unmap(name: string, lun: number): Promise<TargetInfo> {
    return this.#inTurn(async () => {
      const target = this.#book.found(name);
      const luns = target.record.luns.filter((map) => map.lun !== lun);
      if (luns.length === target.record.luns.length) {
        throw new RequestError('not-found', `${target.iqn} has no LUN ${lun}`);
      }
      await this.#book.change(target, { luns });
      return this.info(target.iqn);
    });
  }

  allow(name: string, initiator: string, options: { remove: boolean }): Promise<TargetInfo> {
    return this.#inTurn(async () => {
      const target = this.#book.found(name);
      const wanted = iscsiNameOf(initiator);
      const others = target.record.allowed.filter((one) => one !== wanted);
      if (options.remove && others.length === target.record.allowed.length) {
        throw new RequestError('not-found', `${wanted} is not on the list of ${target.iqn}`);
      }
      const allowed = options.remove ? others : [...others, wanted].sort();
      await this.#book.change(target, { allowed });
      return this.info(target.iqn);
    });
  }

  setOpen(name: string, open: boolean): Promise<TargetInfo> {
    return this.#inTurn(async () => {
      const target = this.#book.found(name);
      await this.#book.change(target, { open });
      return this.info(target.iqn);
    });
  }

  /** Null takes CHAP away. */
  setChap(name: string, setting: ChapSetting | null): Promise<TargetInfo> {
    return this.#inTurn(async () => {
      const target = this.#book.found(name);
      if (setting === null) await this.#book.change(target, { chap: null }, null);
      else {
        checkChap(setting);
        const { user, secret, mutualUser, mutualSecret } = setting;
        const chap = { user, mutualUser };
        await this.#book.change(target, { chap }, { secret, mutualSecret });
      }
      return this.info(target.iqn);
    });
  }

  /**
   * Has a volume made and exports it at once. The export is owed from before the volume is made, so
   * that a crash in between leaves no volume that nobody can reach.
   */
  createExported(name: string, make: () => Promise<VolumeInfo>): Promise<VolumeInfo> {
    return this.#inTurn(async () => {
      const { pool } = this.#attached();
      const key = exportKey(name);
      await this.#book.commit([{ kind: 'put', key, value: encodeText('') }]);
      let volume: VolumeInfo;
      try {
        volume = await make();
      } catch (error) {
        await this.#book.commit([{ kind: 'remove', key }]);
        throw error;
      }
      const iqn = await freeIqn(this.#ports.control, pool.uuid, volume);
      const { record, also } = ownTarget(iqn, volume);
      await this.#book.add(iqn, record, also);
      return volume;
    });
  }

  /**
   * Takes a volume out of every target, then has it removed. The records follow the removal: were it
   * the other way round, a crash in between would leave a volume that nobody can reach; this way the
   * next start drops them.
   */
  removeVolume(name: string, options: { force: boolean; withSnapshots: boolean }): Promise<void> {
    return this.#inTurn(async () => {
      const { pool } = this.#attached();
      const { id } = pool.volume(name);
      const ids = [id, ...pool.snapshotIds(name)];
      const { force, withSnapshots } = options;
      await this.#remove(ids, { what: `volume ${name}`, force }, (prepare) =>
        pool.deleteVolume(name, { withSnapshots, prepare }),
      );
      const own = [...this.#book.live.values()].filter(({ record }) => record.ownVolumeId === id);
      await this.#book.erase(own.map(({ iqn }) => iqn));
      for (const { iqn } of own) this.#ports.dropSessions(iqn);
    });
  }

  /** Takes a snapshot out of every target, then has it removed. */
  removeSnapshot(name: string, { force }: { force: boolean }): Promise<void> {
    return this.#inTurn(async () => {
      const { pool } = this.#attached();
      const { id } = pool.snapshot(name);
      await this.#remove([id], { what: `snapshot ${name}`, force }, (prepare) =>
        pool.deleteSnapshot(name, { prepare }),
      );
    });
  }

  /** Has a volume rolled back and tells its initiators. Later snapshots that go leave their targets. */
  rollback(
    name: string,
    { force, deleteLater }: { force: boolean; deleteLater: boolean },
  ): Promise<VolumeInfo> {
    return this.#inTurn(async () => {
      const { pool } = this.#attached();
      const snapshot = pool.snapshot(name);
      const { id } = pool.volume(snapshot.volume);
      for (const target of this.#mapping(id)) {
        this.#refuseInUse(target, `volume ${snapshot.volume}`, force);
      }
      const all = pool.snapshotIds(snapshot.volume);
      const later = deleteLater ? all.slice(all.indexOf(snapshot.id) + 1) : [];
      return this.#remove(later, { what: 'a later snapshot', force }, async (prepare) => {
        const volume = await pool.rollback(name, { deleteLater, prepare });
        // Whatever becomes of the records: what is behind the LUNs is another.
        const device = this.#devices.get(id);
        if (device !== undefined) this.#ports.units.contentReplaced(device);
        return volume;
      });
    });
  }

  /** Has something removed, which takes its LUNs off the wire when it is certain to be, and forgets
   * them; own targets stay. */
  async #remove<T>(
    ids: readonly number[],
    options: { what: string; force: boolean },
    remove: (prepare: () => Promise<void>) => Promise<T>,
  ): Promise<T> {
    const gone = new Set(ids);
    const mapped = [...this.#book.live.values()].filter(({ record }) =>
      record.luns.some(({ volumeId }) => gone.has(volumeId)),
    );
    for (const target of mapped) this.#refuseInUse(target, options.what, options.force);
    let putBack = (): void => undefined;
    let removed: T;
    try {
      removed = await remove(async () => {
        putBack = await this.#book.withdraw(mapped, gone);
      });
    } catch (error) {
      putBack();
      throw error;
    }
    for (const id of ids) this.#devices.delete(id);
    for (const target of mapped) {
      const { ownVolumeId } = target.record;
      // Its own target is erased with it, in one step: what is stored has never been without its LUN.
      if (ownVolumeId !== null && gone.has(ownVolumeId)) continue;
      await this.#book.change(target, {});
    }
    await this.#ports.reservations.forget(await this.#serialsOf(ids));
    return removed;
  }

  #mapping(volumeId: number): LiveTarget[] {
    return [...this.#book.live.values()].filter((target) => target.maps(volumeId));
  }

  #refuseInUse({ iqn }: LiveTarget, what: string, force: boolean): void {
    const sessions = this.#ports.sessionCount(iqn);
    if (sessions === 0 || force) return;
    const who = sessions === 1 ? '1 session is' : `${sessions} sessions are`;
    const message = `${what} is in use: ${who} logged in to ${iqn}; log out first, or use --force`;
    throw new RequestError('in-use', message);
  }

  /** Each is a hash: some a turn. */
  async #serialsOf(ids: readonly number[]): Promise<string[]> {
    const { uuid: poolUuid } = this.#attached().pool;
    const serials: string[] = [];
    for (const volumeId of ids) {
      serials.push(identityOf({ poolUuid, volumeId, name: '' }).serial);
      if (serials.length % SERIALS_PER_TURN === 0) await setImmediate();
    }
    return serials;
  }

  #attached(): Attachment {
    if (this.#attachment !== null) return this.#attachment;
    throw new RequestError('unavailable', 'the pool is still recovering; ask again in a moment');
  }

  #deviceOf(volumeId: number): BlockDevice {
    const known = this.#devices.get(volumeId);
    if (known !== undefined) return known;
    const { pool, deviceFor } = this.#attached();
    const name = pool.nameOf(volumeId);
    if (name === null) throw new RequestError('not-found', `volume ${volumeId} is gone`);
    const device = deviceFor(name);
    this.#devices.set(volumeId, device);
    return device;
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(() => {
      this.#attached();
      return run();
    });
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }
}
