/** Planted bugs of the scrub: what it does not look at, and what it blames. */
import type { Bug } from './bugs.ts';

export const scrubBugs: readonly Bug[] = [
  {
    name: 'scrub-skips-pending-chunks',
    harm: 'chunks that lie in the journal only are never verified',
    profile: 'damage',
    edits: [
      {
        file: 'pool/heal/scrubber.ts',
        find: '      await scrubLog(parts);\n',
        replace: '      void scrubLog;\n',
      },
    ],
  },
  {
    name: 'scrub-trusts-the-cache',
    harm: 'what memory has is taken for sound on disk',
    edits: [
      {
        file: 'pool/heal/scrub-segments.ts',
        find: 'const failed = entries.filter(({ id, offset }) => {\n',
        replace:
          'const failed = entries.filter(({ id, offset }) => {\n      if (core.cache.find(id) >= 0) return false;\n',
      },
    ],
  },
  {
    name: 'scrub-does-not-look-again',
    harm: 'a record that is gone because its chunk died or was moved is called damaged',
    profile: 'tended',
    edits: [
      {
        file: 'pool/heal/scrub-segments.ts',
        find: '      if (!(await isDamagedAt(this.#parts, { segment, offset, id }))) continue;\n',
        replace: '',
      },
    ],
  },
];
