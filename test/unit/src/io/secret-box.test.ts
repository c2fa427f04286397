import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSecretBox } from '../../../../src/io/secret-box.ts';

const secret = new TextEncoder().encode('correct horse battery');

describe('secret box', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'secret-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const open = (name = 'control.key') => openSecretBox(join(folder, name));

  test('what was sealed opens under its name, also after a restart', async () => {
    const sealed = (await open()).seal('/secret/a', secret);
    expect(Buffer.from((await open()).open('/secret/a', sealed) ?? [])).toEqual(
      Buffer.from(secret),
    );
  });

  test('the key file is readable by its owner alone', async () => {
    await open();
    expect(statSync(join(folder, 'control.key')).mode & 0o777).toBe(0o600);
  });

  test('sealed bytes do not hold the secret, and never repeat', async () => {
    const box = await open();
    const sealed = Buffer.from(box.seal('/secret/a', secret));
    expect(sealed.includes(Buffer.from(secret))).toBe(false);
    expect(sealed.equals(Buffer.from(box.seal('/secret/a', secret)))).toBe(false);
  });

  test('nothing opens under another name, with another key, or after a flipped bit', async () => {
    const box = await open();
    const sealed = box.seal('/secret/a', secret);
    expect(box.open('/secret/b', sealed)).toBeNull();
    expect((await open('other.key')).open('/secret/a', sealed)).toBeNull();
    for (let at = 0; at < sealed.length; at++) {
      const flipped = Uint8Array.from(sealed);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      expect(box.open('/secret/a', flipped)).toBeNull();
    }
    expect(box.open('/secret/a', sealed.subarray(0, 10))).toBeNull();
  });

  test('a key file of the wrong length is refused with what to do', async () => {
    writeFileSync(join(folder, 'control.key'), 'short');
    await expect(open()).rejects.toThrow(/32 bytes, this file 5; restore it/);
  });
});
