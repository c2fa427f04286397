/** Planted bugs of deduplication. */
import type { Bug } from './bugs.ts';

const SEARCH = 'pool/dedup/duplicate-search.ts';
const STORED = 'pool/dedup/stored-joins.ts';
const VOLUME = 'pool/volume/volume.ts';
const CHANGE = 'pool/volume/change.ts';
const CHUNKS = 'pool/chunk/chunk-table.ts';
const RELEASES = 'pool/chunk/release-queue.ts';

export const dedupBugs: readonly Bug[] = [
  {
    name: 'shared-without-a-compare',
    harm: 'chunks with the same fingerprint are taken for equal',
    edits: [
      {
        file: SEARCH,
        find: 'if (Buffer.compare(chunk.bytes, other.bytes) !== 0) {',
        replace: 'if (chunk.bytes.length !== other.bytes.length) {',
      },
    ],
  },
  {
    name: 'met-without-a-compare',
    harm: 'chunks of commands in flight with the same fingerprint are taken for equal',
    edits: [
      {
        file: CHANGE,
        find: 'if (Buffer.compare(part.bytes, other.bytes) !== 0) {',
        replace: 'if (part.bytes.length !== other.bytes.length) {',
      },
    ],
  },
  {
    name: 'reference-on-a-chunk-that-died-during-the-verify',
    harm: 'a chunk gets a reference though it died while its bytes were read',
    profile: 'twins',
    edits: [
      {
        file: SEARCH,
        find: '      if (this.#isCandidate(page, id, chunk)) {\n        // What',
        replace: '      {\n        // What',
      },
    ],
  },
  {
    name: 'dies-with-a-reference-on-its-way',
    harm: 'the last drop of a chunk is applied while a reference to it is in the journal',
    profile: 'twins',
    edits: [
      {
        file: CHUNKS,
        find: 'if (count <= 0 && page.pins > 0 && this.#isPinned(id)) return NOT_YET;',
        replace: 'if (count < 0) return NOT_YET;',
      },
    ],
  },
  {
    name: 'alias-of-an-alias',
    harm: 'a chunk that an alias stands for becomes one itself',
    profile: 'twins',
    edits: [
      {
        file: CHUNKS,
        find: '(state & 0xff) !== ChunkState.live || (state & ALIASED) !== 0',
        replace: '(state & 0xff) !== ChunkState.live',
      },
      {
        file: CHUNKS,
        find: "    assert((state & ALIASED) === 0, 'what aliases stand for is none');\n",
        replace: '',
      },
    ],
  },
  {
    name: 'entry-of-a-snapshot-written-over',
    harm: 'a joined chunk is dropped though the snapshot before the head has it too',
    edits: [
      {
        file: VOLUME,
        find: '    if (entryBirth(leaf, index) <= this.#record.map.sharedTo) return null;\n',
        replace: '',
      },
    ],
  },
  {
    name: 'entry-joined-that-names-another',
    harm: 'a chunk number is given the duplicate of what it named before',
    edits: [
      {
        file: VOLUME,
        find: '    if (entryId(leaf, index) !== id) return null;\n',
        replace: '',
      },
    ],
  },
  {
    name: 'alias-takes-no-reference',
    harm: 'a chunk is freed though an alias stands for it',
    edits: [{ file: CHUNKS, find: '    this.reference(of.page, of.id);\n', replace: '' }],
  },
  {
    name: 'dead-alias-keeps-its-reference',
    harm: 'what a dead alias stood for is never freed',
    edits: [
      {
        file: RELEASES,
        find: 'if (loses === 0) return;',
        replace: 'if (loses >= 0) return;',
      },
    ],
  },
  {
    name: 'stored-chunks-joined-without-a-compare',
    harm: 'stored chunks with the same fingerprint are taken for equal',
    edits: [
      {
        file: STORED,
        find: 'if (Buffer.compare(one.bytes ?? nothing, other.bytes ?? nothing) !== 0) {',
        replace: 'if (one.log2 !== other.log2) {',
      },
    ],
  },
];
