/**
 * What the iSCSI layer asks about targets and portals; implemented by the target service on the
 * control state, and by tests.
 */
import type { DeviceServer } from '../scsi/task.ts';

export interface ChapCredentials {
  readonly user: string;
  /** At least 12 bytes. */
  readonly secret: Uint8Array;
}

export interface TargetAccess {
  /** Anyone may log in, from anywhere. */
  readonly open: boolean;
  /** Initiator names that may log in; empty: no list. */
  readonly allowed: readonly string[];
  /** What the initiator must prove; null: AuthMethod None will do. */
  readonly chap: ChapCredentials | null;
  /** What the target proves when asked; null: mutual CHAP is refused. */
  readonly mutualChap: ChapCredentials | null;
}

export interface Target {
  readonly iqn: string;
  readonly alias: string;
  readonly access: TargetAccess;
  /** `host:port` to which logins are sent instead (0101 temporarily moved). */
  readonly redirect: string | null;
  readonly device: DeviceServer;
  /** LUN numbers mapped now, ascending; for the list of sessions. */
  luns(): readonly number[];
}

export interface Portal {
  /** As SendTargets shows it when set (`host:port`); else the address that the connection came in on. */
  readonly advertised: string | null;
  readonly portalGroupTag: number;
  /** A loopback portal lets everyone in to a target without ACL and CHAP; any other does not. */
  readonly loopback: boolean;
}

export interface TargetDirectory {
  /** False until the pool serves: logins get 0301, so that initiators retry. */
  readonly ready: boolean;
  find(iqn: string): Target | null;
  list(): readonly Target[];
  /** All portals of the member with the address under which each is reached. */
  portals(): readonly Portal[];
}
