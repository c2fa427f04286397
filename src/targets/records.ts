/** The target service's records in the control state: keys, encoding, and a decoder that trusts nothing. */
import { MAX_LUN } from '../../iscsi/scsi/lun.ts';
import type { SecretBox } from '../base/control-state.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export const targetPrefix = '/target/';
export const secretPrefix = '/secret/';
/** Volumes about to be made whose export is owed, by volume name. */
export const exportPrefix = '/export/';
/** Every IQN that a volume ever got of its own, with the volume's id. */
export const usedIqnPrefix = '/used-iqn/';

export const targetKey = (iqn: string): string => targetPrefix + iqn;
export const secretKey = (iqn: string): string => secretPrefix + iqn;
export const exportKey = (volumeName: string): string => exportPrefix + volumeName;
export const usedIqnKey = (iqn: string): string => usedIqnPrefix + iqn;

export interface LunMap {
  readonly lun: number;
  /** Or of a snapshot: both are numbered in one. */
  readonly volumeId: number;
}

export interface TargetRecord {
  readonly alias: string;
  readonly open: boolean;
  readonly allowed: readonly string[];
  /** Users of CHAP; their secrets lie sealed under `secretKey`. Null: CHAP is not asked for. */
  readonly chap: { readonly user: string; readonly mutualUser: string | null } | null;
  readonly luns: readonly LunMap[];
  readonly redirect: string | null;
  /** The volume that got this target of its own and takes it along when it goes. */
  readonly ownVolumeId: number | null;
}

export const newRecord: TargetRecord = {
  alias: '',
  open: false,
  allowed: [],
  chap: null,
  luns: [],
  redirect: null,
  ownVolumeId: null,
};

export interface TargetSecrets {
  readonly secret: string;
  readonly mutualSecret: string | null;
}

const version = 1;

export const encodeText = (text: string): Uint8Array => encoder.encode(text);

export function encodeTarget(record: TargetRecord): Uint8Array {
  return encoder.encode(JSON.stringify({ version, ...record }));
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isName = (value: unknown): value is string => typeof value === 'string';
const isNameOrNull = (value: unknown): value is string | null => value === null || isName(value);
const isId = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function isLunMap(value: unknown): value is LunMap {
  if (!isFields(value) || !isId(value['volumeId'])) return false;
  const { lun } = value;
  return isId(lun) && lun <= MAX_LUN;
}

const areDistinct = (luns: readonly LunMap[]): boolean =>
  new Set(luns.map(({ lun }) => lun)).size === luns.length;

function isChap(value: unknown): value is TargetRecord['chap'] {
  if (value === null) return true;
  return isFields(value) && isName(value['user']) && isNameOrNull(value['mutualUser']);
}

function parse(bytes: Uint8Array): Fields | null {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

/** Null when the bytes are no target record of this version. */
export function decodeTarget(bytes: Uint8Array): TargetRecord | null {
  const fields = parse(bytes);
  if (fields === null || fields['version'] !== version) return null;
  const { alias, open, allowed, chap, luns, redirect, ownVolumeId } = fields;
  if (!isName(alias) || typeof open !== 'boolean' || !isChap(chap)) return null;
  if (!Array.isArray(allowed) || !allowed.every(isName)) return null;
  if (!Array.isArray(luns) || !luns.every(isLunMap) || !areDistinct(luns)) return null;
  if (!isNameOrNull(redirect) || !(ownVolumeId === null || isId(ownVolumeId))) return null;
  return { alias, open, allowed, chap, luns, redirect, ownVolumeId };
}

export function sealSecrets(box: SecretBox, iqn: string, secrets: TargetSecrets): Uint8Array {
  return box.seal(secretKey(iqn), encoder.encode(JSON.stringify(secrets)));
}

export function openSecrets(box: SecretBox, iqn: string, sealed: Uint8Array): TargetSecrets | null {
  const plain = box.open(secretKey(iqn), sealed);
  const fields = plain === null ? null : parse(plain);
  if (fields === null) return null;
  const { secret, mutualSecret } = fields;
  return isName(secret) && isNameOrNull(mutualSecret) ? { secret, mutualSecret } : null;
}
