import { randomFillSync } from 'node:crypto';
import type { Random } from '../base/ports.ts';

export class RealRandom implements Random {
  bytes(length: number): Uint8Array {
    return randomFillSync(new Uint8Array(length));
  }
}
