/**
 * Secrets at rest: AES-256-GCM under a key in a file of its own (0600), so that a copy of the
 * control state alone gives nothing away.
 *
 *   sealed: version (1 byte, 1) · nonce (12, random) · tag (16) · ciphertext
 *   associated data: the name under which it is kept
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ControlError } from '../base/control-state.ts';
import type { SecretBox } from '../base/control-state.ts';

const version = 1;
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + nonceBytes + tagBytes;

/** Reads the key, or makes one, durably, where there is none. */
export async function openSecretBox(path: string): Promise<SecretBox> {
  const key = (await readKey(path)) ?? (await makeKey(path));
  if (key.length !== keyBytes) {
    throw new ControlError(
      'damaged',
      `${path}: a key has ${keyBytes} bytes, this file ${key.length}; restore it, or remove it and set the CHAP secrets anew`,
    );
  }
  return new AesSecretBox(key);
}

async function readKey(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function makeKey(path: string): Promise<Buffer> {
  const key = randomBytes(keyBytes);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(key);
    await file.sync();
  } finally {
    await file.close();
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return key;
}

class AesSecretBox implements SecretBox {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  seal(name: string, plain: Uint8Array): Uint8Array {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(Buffer.from(name));
    const text = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([Uint8Array.of(version), nonce, cipher.getAuthTag(), text]);
  }

  open(name: string, sealed: Uint8Array): Uint8Array | null {
    if (sealed.length < headBytes || sealed[0] !== version) return null;
    const nonce = sealed.subarray(1, 1 + nonceBytes);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce);
    decipher.setAAD(Buffer.from(name));
    decipher.setAuthTag(sealed.subarray(1 + nonceBytes, headBytes));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(headBytes)), decipher.final()]);
    } catch {
      return null;
    }
  }
}
