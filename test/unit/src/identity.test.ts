import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, product } from '../../../src/identity.ts';

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

describe('what hosts have settings by', () => {
  const hosts = join(import.meta.dirname, '..', '..', '..', 'hosts');
  const textOf = (name: string): string => readFileSync(join(hosts, name), 'utf8');

  test('multipath.conf names our vendor and product', () => {
    const named = [...textOf('multipath.conf').matchAll(/^\s*(vendor|product)\s+"(.*)"$/gm)];
    expect(named.map(([, key, value]) => [key, value])).toEqual([
      ['vendor', product.vendor],
      ['product', product.product],
    ]);
  });

  test('and so do the rules for ESXi and Windows', () => {
    const guide = textOf('README.md');
    expect(guide).toContain(`--vendor ${product.vendor} --model "${product.product}"`);
    expect(guide).toContain(`-VendorId "${product.vendor}" -ProductId "${product.product}"`);
  });
});
