/** What makes a volume the same disk to every host, on every path, for ever. */
import { createHash } from 'node:crypto';
import type { DeviceIdentity } from '../iscsi/scsi/block-device.ts';

/**
 * What every volume says in standard INQUIRY data. Hosts have settings by these strings (hosts/), and
 * some copy only between disks of one product: they never change.
 */
export const product = { vendor: 'SCALE', product: 'Storage Scale', revision: '1' } as const;

/** A company id of our own making: the bit for locally assigned ones is set, no vendor has it. */
const companyId = 0x02_5ca1;

export interface IdentityOf {
  /** 16 bytes, made at the pool's creation. */
  readonly poolUuid: Uint8Array;
  /** Never used again in this pool, also after the volume is gone. */
  readonly volumeId: number;
  readonly name: string;
}

/**
 * NAA IEEE Registered Extended [SPC-4 §7.8.6.6.5]: NAA 6h (4 bits), company id (24), vendor specific
 * identifier (36) and its extension (64); these hundred bits are a hash of pool and volume id.
 */
export function identityOf({ poolUuid, volumeId, name }: IdentityOf): DeviceIdentity {
  const digest = createHash('sha256').update(poolUuid).update(`volume ${volumeId}`).digest();
  const naa = new Uint8Array(digest.subarray(0, 16));
  const view = new DataView(naa.buffer);
  view.setUint32(0, ((0x6 << 28) | (companyId << 4) | (digest.readUInt8(3) & 0x0f)) >>> 0);
  return { naa, serial: Buffer.from(naa).toString('hex'), name };
}
