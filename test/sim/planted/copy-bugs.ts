/** Planted bugs of copies, and of what compares before it writes. That pins are left out is caught by a
 * unit test: a chunk that dies between look-up and effect takes too rare an order of events. */
import type { Bug } from './bugs.ts';

const RUN = 'pool/volume/reference-run.ts';
const REPLAY = 'pool/log/replay.ts';

export const copyBugs: readonly Bug[] = [
  {
    name: 'run-replayed-twice',
    harm: 'a replay counts the references of a copy twice',
    edits: [
      {
        file: REPLAY,
        find: 'else volume.setReference(leaf, { chunkNumber: first + index, id }, page);',
        replace: `else {
        this.#core.chunks.reference(page, id);
        volume.setReference(leaf, { chunkNumber: first + index, id }, page);
      }`,
      },
    ],
  },
  {
    name: 'run-not-replayed',
    harm: 'what was copied before a crash is as it was before the copy',
    edits: [
      {
        file: REPLAY,
        find: '        await this.#applyRun(record);\n',
        replace: '        void this.#applyRun;\n',
      },
    ],
  },
  {
    name: 'run-one-chunk-too-many',
    harm: 'a copy changes the chunk behind its range',
    edits: [
      {
        file: RUN,
        find: 'for (let index = 0; index < this.#count; index++) {\n      const chunkNumber',
        replace: 'for (let index = 0; index <= this.#count; index++) {\n      const chunkNumber',
      },
    ],
  },
  {
    name: 'holes-left-out-of-a-copy',
    harm: 'where the source has a hole the copy shows what was there before',
    edits: [
      {
        file: RUN,
        find: 'if (page === null) target.setHoleAt(leaf, chunkNumber);',
        replace: 'if (page === null) continue;',
      },
    ],
  },
  {
    name: 'compare-before-the-lock',
    harm: 'a write comes between the comparison and the write of COMPARE AND WRITE',
    edits: [
      {
        file: 'pool/volume/change.ts',
        find: `    const run = (): void => {
      if (this.#revise === null) this.#gather();
      else this.#reviseOld(this.#revise);
    };
    if`,
        replace: `    const run = (): void => {
      this.#gather();
    };
    const revise = this.#revise;
    if (revise !== null) {
      this.#volume.readHeld(this.#from, this.#to - this.#from, (error, old) => {
        const source = error === null ? revise(old.views) : null;
        old.release();
        if (source === null) this.#end(error);
        else {
          this.#source = source;
          if (this.#volume.lock.acquire(this, run)) run();
        }
      });
      return;
    }
    if`,
      },
    ],
  },
];
