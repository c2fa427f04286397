/** Puts changes of the catalogue into the journal; they take effect in log order. */
import { roundUp } from '../../src/base/bytes.ts';
import type { DiskError } from '../../src/base/ports.ts';
import { mustTakeChanges, type PoolCore } from '../core.ts';
import { FRAME_HEADER_BYTES, RECORD_BYTES, putCatalogueHeader } from '../log/frame.ts';
import { PoolError } from '../types.ts';
import type { CatalogueChange } from './catalogue.ts';
import type { VolumeTable } from './volume-table.ts';

export class CatalogueLog {
  readonly #core: PoolCore;
  readonly #volumes: VolumeTable;

  constructor(core: PoolCore, volumes: VolumeTable) {
    this.#core = core;
    this.#volumes = volumes;
  }

  /** Throws PoolError 'read-only'. */
  mustTakeChanges(): void {
    mustTakeChanges(this.#core);
  }

  /** Resolves when the change is durable. `taken` is called in the turn in which it took effect, or in
   * which it is certain that it never will. */
  record(change: CatalogueChange, taken: () => void = () => undefined): Promise<void> {
    const core = this.#core;
    try {
      this.mustTakeChanges();
    } catch (error) {
      taken();
      throw error;
    }
    const payload = Buffer.from(JSON.stringify(change));
    const fail = (error: DiskError): PoolError => new PoolError('io', error.message, error);
    return new Promise((resolve, reject) => {
      core.journal.append({
        metaBytes: FRAME_HEADER_BYTES + RECORD_BYTES + roundUp(payload.length, RECORD_BYTES),
        dataBytes: 0,
        encode: (bytes, view, at) => {
          putCatalogueHeader(view, at + FRAME_HEADER_BYTES, payload.length);
          const from = at + FRAME_HEADER_BYTES + RECORD_BYTES;
          bytes.fill(0, from, from + roundUp(payload.length, RECORD_BYTES));
          bytes.set(payload, from);
        },
        written: () => {
          this.#volumes.apply(change);
          taken();
          core.changed();
          core.journal.syncTo(core.journal.applied.position, (error) => {
            if (error === null) resolve();
            else reject(fail(error));
          });
          return true;
        },
        failed: (error) => {
          taken();
          reject(fail(error));
        },
      });
    });
  }
}
