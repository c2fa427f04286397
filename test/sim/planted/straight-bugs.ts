/** Planted bugs of large writes that go straight to a segment. */
import type { Bug } from './bugs.ts';

const STRAIGHT = 'pool/log/straight-writes.ts';
const REPLAY = 'pool/log/replay.ts';

export const straightBugs: readonly Bug[] = [
  {
    name: 'named-before-it-is-durable',
    harm: 'the log says that a frame is durable whose chunks may be gone after a power loss',
    edits: [
      {
        file: STRAIGHT,
        find: '    if (dirty.length === 0) {\n',
        replace: '    if (dirty.length >= 0) {\n',
      },
    ],
  },
  {
    name: 'placed-chunks-not-verified',
    harm: 'a replay applies a frame whose chunks never came to the disk',
    edits: [
      {
        file: REPLAY,
        find: 'if (frame === null || frame.at.position < this.#synced) return frame;',
        replace: 'if (frame === null || frame.at.position >= 0) return frame;',
      },
    ],
  },
  {
    name: 'named-before-it-is-logged',
    harm: 'a frame names a chunk whose own frame comes behind it in the log, or never',
    edits: [
      {
        file: 'pool/volume/change.ts',
        find: 'if (other.unloggedBy !== null && other.unloggedBy !== this) {',
        replace: 'if (other.unloggedBy !== null && this.#cursor < 0) {',
      },
    ],
  },
  {
    name: 'unsealed-segment-removed',
    harm: 'a start removes a segment that the log alone names',
    edits: [
      {
        file: 'pool/open-pool.ts',
        find: ' || pending.unsealed.get(number)?.disk === disk;',
        replace: ' || pending.unsealed.size < 0;',
      },
    ],
  },
  {
    name: 'sealed-with-batches-under-way',
    harm: 'a segment ends where the records of commands under way are about to be',
    edits: [
      {
        file: 'pool/log/segment-writer.ts',
        find: '    if (this.#ahead.batches > 0) {',
        replace: '    if (this.#ahead.batches < 0) {',
      },
      {
        file: 'test/sim/sim-packing.ts',
        find: 'if (underWay > 0) throw',
        replace: 'if (underWay < 0) throw',
      },
    ],
  },
];
