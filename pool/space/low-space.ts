/**
 * The soft threshold: says once when what is free falls below a share of the capacity, and not again
 * before it has clearly risen above it.
 */
import type { Events } from '../events.ts';
import type { SpaceFigures } from './space.ts';

export const LOW_SPACE_SHARE = 0.1;
/** So much more than the threshold must be free before it may be crossed again. */
const ENOUGH = 1.25;

export class LowSpace {
  readonly #share: number;
  readonly #events: Events;
  #isLow = false;
  /** It was crossed. */
  onLow: () => void = () => undefined;

  /** A share of 0: there is no threshold. */
  constructor(share: number, events: Events) {
    this.#share = share;
    this.#events = events;
  }

  get isLow(): boolean {
    return this.#isLow;
  }

  /** Of a pool of that capacity. */
  thresholdBytes(capacityBytes: number): number {
    return Math.floor(this.#share * capacityBytes);
  }

  /** With so much free it can be crossed anew. */
  enoughBytes(capacityBytes: number): number {
    return ENOUGH * this.thresholdBytes(capacityBytes);
  }

  look({ freeBytes, capacityBytes }: Pick<SpaceFigures, 'freeBytes' | 'capacityBytes'>): void {
    const thresholdBytes = this.thresholdBytes(capacityBytes);
    const facts = { freeBytes, thresholdBytes };
    if (!this.#isLow && freeBytes < thresholdBytes) {
      this.#isLow = true;
      const percent = Math.round(this.#share * 100);
      const message = `less than ${percent} % of the pool is free: delete something or add space`;
      this.#events.add('warning', 'space-low', message, facts);
      this.onLow();
    } else if (this.#isLow && freeBytes >= this.enoughBytes(capacityBytes)) {
      this.#isLow = false;
      this.#events.add('info', 'space-enough', 'enough of the pool is free again', facts);
    }
  }
}
