/** Planted bugs of copies, and of what compares before it writes. That pins are left out is caught by a
 * unit test: a chunk that dies between look-up and effect takes too rare an order of events. */
import type { Bug } from './bugs.ts';

const RUN = 'pool/volume/reference-run.ts';
const REPLAY = 'pool/log/replay.ts';
const REVISION = 'pool/volume/revision.ts';
const POINTS = 'pool/points-in-time.ts';
const VOLUME = 'pool/volume/volume.ts';

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
  {
    name: 'reference-not-counted',
    harm: 'a chunk dies with the first of two places that name it',
    edits: [
      {
        file: VOLUME,
        find: '    this.#core.chunks.reference(page, chunk.id);\n',
        replace: '    void page;\n',
      },
    ],
  },
  {
    name: 'compare-ends-within-the-range',
    harm: 'COMPARE AND WRITE looks at the first chunk of its range only',
    edits: [
      {
        file: REVISION,
        find: 'for (const view of old) {\n      const wanted',
        replace: 'for (const view of old.slice(0, 1)) {\n      const wanted',
      },
      {
        file: REVISION,
        find: "    assert(from === expected.length, 'as many bytes are expected as the range has');\n",
        replace: '',
      },
    ],
  },
  {
    name: 'point-amid-writes',
    harm: 'a point in time is taken while changes of its volume are under way',
    edits: [
      {
        file: 'pool/snapshots.ts',
        find: 'const resume = await pauseAll([volume]);\n    const id',
        replace: 'const resume = (): void => undefined;\n    const id',
      },
    ],
  },
  {
    name: 'point-older-than-asked',
    harm: 'who wants the present gets a point in time that the volume has left behind',
    edits: [
      {
        file: POINTS,
        find: 'return newest.map.root === map.root && newest',
        replace: 'void map;\n    return newest',
      },
    ],
  },
  {
    name: 'point-gone-with-its-first-holder',
    harm: 'a point in time that two hold is removed when one of them lets it go',
    edits: [{ file: POINTS, find: 'if (left > 0) this', replace: 'if (left > 1) this' }],
  },
  {
    name: 'points-kept-after-a-crash',
    harm: 'what a process that died had frozen keeps its space for ever',
    edits: [
      {
        file: 'pool/pool.ts',
        find: '  await pool.removePointsInTime();\n',
        replace: '',
      },
    ],
  },
];
