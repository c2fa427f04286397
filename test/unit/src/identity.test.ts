import { identityOf } from '../../../src/identity.ts';

const poolUuid = new Uint8Array(16).fill(7);

describe('identity of a volume', () => {
  test('is an NAA of type 6 with 16 bytes [SPC-4 §7.8.6.6.5]', () => {
    const { naa } = identityOf({ poolUuid, volumeId: 1, name: 'a' });
    expect(naa.length).toBe(16);
    expect(naa[0]! >> 4).toBe(6);
  });

  test('carries a locally assigned company id, which no vendor has', () => {
    const hex = Buffer.from(identityOf({ poolUuid, volumeId: 1, name: 'a' }).naa).toString('hex');
    expect(hex.slice(1, 7)).toBe('025ca1');
  });

  test('hangs on pool and volume id and not on the name', () => {
    const naaOf = (uuid: Uint8Array, volumeId: number, name: string): string =>
      Buffer.from(identityOf({ poolUuid: uuid, volumeId, name }).naa).toString('hex');
    expect(naaOf(poolUuid, 1, 'a')).toBe(naaOf(poolUuid, 1, 'b'));
    expect(naaOf(poolUuid, 1, 'a')).not.toBe(naaOf(poolUuid, 2, 'a'));
    expect(naaOf(poolUuid, 1, 'a')).not.toBe(naaOf(new Uint8Array(16), 1, 'a'));
  });

  test('has a printable serial number', () => {
    expect(identityOf({ poolUuid, volumeId: 1, name: 'a' }).serial).toMatch(/^[\x20-\x7e]{8,}$/);
  });
});
