/** Planted bugs of deduplication. What needs a rare order of events is caught by unit tests: a chunk that dies
 * while it is read or while a reference is on its way, and what may become an alias. */
import type { Bug } from './bugs.ts';

const SEARCH = 'pool/dedup/duplicate-search.ts';
const CHANGE = 'pool/volume/change.ts';
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
];
