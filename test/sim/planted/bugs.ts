/**
 * Bugs that a storage pool is known to have had, each as a change of the source. The simulator must
 * catch every one of them: see `main.ts` beside this.
 */
import { codecBugs } from './codec-bugs.ts';
import { copyBugs } from './copy-bugs.ts';
import { dedupBugs } from './dedup-bugs.ts';
import { logBugs } from './log-bugs.ts';
import { scrubBugs } from './scrub-bugs.ts';
import { snapshotBugs } from './snapshot-bugs.ts';
import { straightBugs } from './straight-bugs.ts';
import type { Edit } from './scratch-tree.ts';
import type { Profile } from '../profiles.ts';

export interface Bug {
  readonly name: string;
  /** What the pool does wrong with it. */
  readonly harm: string;
  readonly edits: readonly Edit[];
  /** The kind of runs that it needs: only their seeds are tried. */
  readonly profile?: Profile['name'];
}

const CHECKPOINT = 'pool/log/checkpoint.ts';
const VOLUME = 'pool/volume/volume.ts';
const CHANGE = 'pool/volume/change.ts';
const ALLOCATOR = 'pool/chunk/allocator.ts';

const checkpointBugs: readonly Bug[] = [
  {
    name: 'drops-frozen-before-they-were-applied',
    harm: 'a checkpoint amid a batch of drops keeps those that its pages hold already',
    edits: [
      {
        file: 'pool/chunk/release-queue.ts',
        find: 'const rest = this.#batch.subarray(this.#cursor);',
        replace: 'const rest = this.#batch;',
      },
    ],
  },
  {
    name: 'drops-taken-at-the-commit',
    harm: 'the queue of drops is that of the commit, the pages are those of the freeze',
    edits: [
      {
        file: CHECKPOINT,
        find: 'await meta.commit({ puts, removes: frozen.pages.removes, state });',
        replace: `await meta.commit({
        puts,
        removes: frozen.pages.removes,
        state: new Map([
          ...state,
          [StateName.drops, sealState(parts.compute, StateName.drops, parts.releases.encode())],
        ]),
      });`,
      },
    ],
  },
  {
    name: 'drops-not-in-the-checkpoint',
    harm: 'what waits to be released is forgotten by a crash: space leaks',
    edits: [
      {
        file: CHECKPOINT,
        find: 'releases.encode()],',
        replace: 'releases.encode().subarray(0, 0)],',
      },
    ],
  },
  {
    name: 'trimmed-to-p',
    harm: 'the log is trimmed to what the checkpoint has applied, not to what segments hold',
    edits: [
      {
        file: CHECKPOINT,
        find: 'journal.trim(frozen.oldest);',
        replace: 'journal.trim(frozen.applied);',
      },
    ],
  },
  {
    name: 'trimmed-at-the-freeze',
    harm: 'the log is trimmed when the checkpoint begins, not when it is durable',
    profile: 'behind',
    edits: [
      { file: CHECKPOINT, find: '    journal.trim(frozen.oldest);\n', replace: '' },
      {
        file: CHECKPOINT,
        find: '    try {\n      await new Promise<void>((resolve, reject) => {',
        replace:
          '    journal.trim(frozen.oldest);\n    try {\n      await new Promise<void>((resolve, reject) => {',
      },
    ],
  },
  {
    name: 'checkpoint-ahead-of-the-log',
    harm: 'a checkpoint commits before the log is synced to where it ends',
    edits: [
      {
        file: CHECKPOINT,
        find: 'journal.syncTo(frozen.applied, (error) => {',
        replace: 'journal.syncTo(0, (error) => {',
      },
    ],
  },
  {
    name: 'frozen-page-not-copied',
    harm: 'a page that changes after the freeze is stored with the change',
    edits: [
      {
        file: 'pool/meta/page-cache.ts',
        find: 'if (page.dirtyIn !== 0 && this.#frozen !== null) {',
        replace: 'if (page.dirtyIn !== 0 && this.#frozen === null) {',
      },
    ],
  },
];

const reuseBugs: readonly Bug[] = [
  {
    name: 'slot-used-again-under-a-read',
    harm: 'the memory of a chunk that died is filled again though a read still shows it',
    edits: [
      {
        file: 'pool/chunk/chunk-cache.ts',
        find: '    if (this.#pins[slot] === 0) this.#freeSlot(slot);\n',
        replace: '    this.#freeSlot(slot);\n',
      },
      {
        file: 'pool/chunk/chunk-cache.ts',
        find: '    if (this.#ids[slot] === 0) this.#freeSlot(slot);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'segment-removed-under-a-read',
    harm: 'what is dead is used again though reads that began before still wait',
    profile: 'worn',
    edits: [
      {
        file: 'pool/chunk/grace.ts',
        find: 'for (const generation of this.#reads.keys()) oldest = Math.min(oldest, generation);',
        replace: 'void oldest;',
      },
    ],
  },
  {
    name: 'segment-removed-before-the-checkpoint',
    harm: 'a dead segment is removed though the last durable checkpoint still names it',
    edits: [
      {
        file: 'pool/log/segment-table.ts',
        find: 'this.#dead[0].deadSince <= reusable',
        replace: 'this.#dead[0].deadSince <= reusable + 1',
      },
    ],
  },
  {
    name: 'id-reused-before-the-checkpoint',
    harm: 'a chunk id is handed out again before the checkpoint that holds its death is durable',
    profile: 'behind',
    edits: [
      {
        file: ALLOCATOR,
        find: '    if (death <= this.#grace.reusable) return true;\n',
        replace: '    if (death > 0) return true;\n',
      },
      {
        file: ALLOCATOR,
        find: `    if (this.#seenReusable === this.#grace.reusable) return;
    this.#seenReusable = this.#grace.reusable;\n`,
        replace: '',
      },
      {
        file: ALLOCATOR,
        find: '      if (checkpoint > this.#grace.reusable) continue;\n',
        replace: '      void checkpoint;\n',
      },
    ],
  },
  {
    name: 'id-handed-out-twice',
    harm: 'a page is opened again though ids of it are on their way to the journal',
    profile: 'stalled',
    edits: [
      {
        file: ALLOCATOR,
        find: 'if (page.pins > 0) {',
        replace: 'if (this.#open?.pageNumber === pageNumber) {',
      },
    ],
  },
  {
    name: 'chunk-released-twice',
    harm: 'what an overwrite replaced is released once more a moment later',
    edits: [
      {
        file: VOLUME,
        find: 'else this.#drop(before, birth);',
        replace: `else {
      this.#drop(before, birth);
      this.#core.clock.after(1000, () => {
        this.#core.releases.drop(before);
      });
    }`,
      },
    ],
  },
  {
    name: 'unknown-segments-kept',
    harm: 'segment files that no checkpoint names stay, and their numbers are given out again',
    edits: [
      {
        file: 'pool/pool.ts',
        find: '  await removeSegments(recovered, unknown);\n',
        replace: '  void removeSegments;\n',
      },
    ],
  },
];

const segmentBugs: readonly Bug[] = [
  {
    name: 'segment-not-synced',
    harm: 'entries name a segment whose bytes are not durable',
    edits: [
      {
        file: 'pool/log/segment-store.ts',
        find: '    await syncFile(this.#file);\n',
        replace: '    void syncFile;\n',
      },
    ],
  },
  {
    name: 'segment-name-not-synced',
    harm: 'entries name a segment whose file may be gone after a power loss',
    edits: [
      {
        file: 'pool/log/segment-writer.ts',
        find: '      if (!this.#isNamed) await this.#store.syncFolder(this.disk);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'placed-before-sealed',
    harm: 'entries name a segment that is still being written',
    edits: [
      {
        file: 'pool/log/destage.ts',
        find: 'const bytes = await writer.seal();',
        replace: 'const sealed = writer.seal();\n        const bytes = this.segmentBytes;',
      },
      {
        file: 'pool/log/destage.ts',
        find: '        this.onSealed();\n',
        replace: '        await sealed;\n        this.onSealed();\n',
      },
    ],
  },
  {
    name: 'stored-checksum-ignored',
    harm: 'bytes that rotted on the disk are given to the initiator',
    profile: 'damage',
    edits: [
      {
        file: 'pool/log/segment-format.ts',
        find: '  if (!isWhole) return null;\n  return {\n    storedBytes',
        replace: '  return {\n    storedBytes',
      },
    ],
  },
  {
    name: 'journal-checksum-ignored',
    harm: 'bytes that rotted in the journal are given to the initiator',
    profile: 'damage',
    edits: [
      {
        file: 'pool/log/pending-reader.ts',
        find: "done(hasFingerprint(core, into, chunk) ? 'whole' : 'damaged');",
        replace: "done('whole');",
      },
    ],
  },
  {
    name: 'cleaner-swaps-blindly',
    harm: 'the cleaner moves a chunk whatever has become of it meanwhile',
    edits: [
      {
        file: 'pool/chunk/chunk-table.ts',
        find: `    if (this.stateOf(page, id) !== ChunkState.live) return false;
    const now = this.placeOf(page, id);
    if (now === null || now.segment !== from.segment || now.offset !== from.offset) return false;`,
        replace: '',
      },
    ],
  },
];

const volumeBugs: readonly Bug[] = [
  {
    name: 'ack-before-the-effect',
    harm: 'a read that begins after an acknowledged write answers from before it',
    edits: [
      {
        file: CHANGE,
        find: `  written(frame: FramePosition, turn: EffectBudget): boolean {
    while`,
        replace: `  written(frame: FramePosition): boolean {
    this.#volume.lock.release(this);
    this.#end(null);
    this.#core.clock.after(0.5, () => {
      this.late(frame, { chunks: Infinity });
    });
    return true;
  }

  late(frame: FramePosition, turn: EffectBudget): boolean {
    while`,
      },
      {
        file: CHANGE,
        find: `    this.#volume.lock.release(this);
    const { journal } = this.#core;
    if (this.#durable) {
      journal.syncTo(journal.applied.position, (error) => {
        this.#end(error === null ? null : { code: 'write-failed' });
      });
    } else this.#end(null);
`,
        replace: '',
      },
    ],
  },
  {
    name: 'leaf-remembered-too-long',
    harm: 'a map page that left memory and came back changed is still read as it was',
    edits: [
      {
        file: 'pool/meta/leaf-cache.ts',
        find: 'if (!page.live || (this.#births[place] as number) <= bornAfter) return null;',
        replace: 'if ((this.#births[place] as number) <= bornAfter) return null;',
      },
    ],
  },
  {
    name: 'merge-without-the-lock',
    harm: 'two writes to parts of one chunk merge with the same old bytes',
    edits: [
      {
        file: CHANGE,
        find: 'if (this.#volume.lock.acquire(this, run)) run();',
        replace: 'this.#volume.lock.acquire(this, () => undefined);\n    run();',
      },
    ],
  },
  {
    name: 'page-settled-without-its-chunks',
    harm: 'an unmapped page is removed before the drops of its chunks are queued for good',
    edits: [
      {
        file: CHECKPOINT,
        find: 'pageRelease.encode()],',
        replace: 'pageRelease.encode().subarray(0, 0)],',
      },
    ],
  },
  {
    name: 'shrink-leaves-the-last-chunk',
    harm: 'what a shrink cut off within a chunk is there again after a growth',
    edits: [
      {
        file: VOLUME,
        find: 'const offset = sizeBytes;\n',
        replace: 'const offset = Math.ceil(sizeBytes / this.chunkBytes) * this.chunkBytes;\n',
      },
    ],
  },
  {
    name: 'delete-not-synced',
    harm: 'a deleted volume is back after a power loss',
    edits: [
      {
        file: 'pool/volume/catalogue-log.ts',
        find: 'core.journal.syncTo(core.journal.applied.position, (error) => {',
        replace: 'core.journal.syncTo(0, (error) => {',
      },
    ],
  },
];

export const bugs: readonly Bug[] = [
  ...codecBugs,
  ...logBugs,
  ...dedupBugs,
  ...copyBugs,
  ...scrubBugs,
  ...checkpointBugs,
  ...reuseBugs,
  ...segmentBugs,
  ...volumeBugs,
  ...snapshotBugs,
  ...straightBugs,
];
