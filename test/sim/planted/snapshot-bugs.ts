/** Bugs of snapshots, clones and rollback. */
import type { Bug } from './bugs.ts';

const FAMILIES = 'pool/volume/families.ts';

export const snapshotBugs: readonly Bug[] = [
  {
    name: 'clone-releases-what-its-origin-has',
    harm: 'a clone without snapshots of its own takes the entries of its origin for its own',
    edits: [
      {
        file: 'pool/volume/volume-table.ts',
        find: 'const map = { ...snapshot.map, epoch: epoch + 1, sharedTo: epoch };',
        replace: 'const map = { ...snapshot.map, epoch: epoch + 1, sharedTo: 0 };',
      },
    ],
  },
  {
    name: 'deadlist-kept-across-a-rollback',
    harm: 'what the head had lost before it was rolled back counts as lost afterwards',
    edits: [
      {
        file: FAMILIES,
        find: '    this.#releaseTree(head.id, head);\n',
        replace: '    this.#releaseTree(head.id, { ...head, deadlist: NO_LIST });\n',
      },
      { file: FAMILIES, find: '    head.deadlist = facts.list;\n', replace: '' },
      {
        file: FAMILIES,
        find: '    this.#lists.create(facts.list, this.#floorOf(line));\n',
        replace: '',
      },
    ],
  },
  {
    name: 'own-deadlist-of-a-deleted-snapshot-dropped',
    harm: 'what had died before a snapshot that is deleted is never released',
    edits: [
      {
        file: FAMILIES,
        find: '      next.deadlist = rest;\n',
        replace: `      if (rest !== NO_LIST) {
        this.#empty({ list: rest, epoch: MAX_EPOCH, rest: NO_LIST });
        next.deadlist = 2 ** 31 + snapshot.id;
        this.#lists.create(next.deadlist, this.#floorOf(line));
      } else next.deadlist = rest;
`,
      },
    ],
  },
  {
    name: 'snapshot-amid-writes',
    harm: 'a write under way changes a page that the snapshot has meanwhile',
    edits: [
      {
        file: 'pool/snapshots.ts',
        find: 'resumes.push(await volume.pause());',
        replace: 'await volume.lock;',
      },
    ],
  },
  {
    name: 'shared-page-changed-in-place',
    harm: 'a page that an older dataset has is written without a copy',
    edits: [
      {
        file: 'pool/volume/map.ts',
        find: 'if (birth > this.state.sharedTo) return old;',
        replace: 'if (birth >= 0) return old;',
      },
    ],
  },
  {
    name: 'unmapped-pages-kept-across-a-rollback',
    harm: 'what was unmapped before a rollback is released, though it is in the head again',
    edits: [
      { file: FAMILIES, find: '    this.#pageRelease.rolledBack(head.id, epoch);\n', replace: '' },
    ],
  },
  {
    name: 'pages-of-an-origin-settled-for-a-clone-that-is-gone',
    harm: 'what a clone had unmapped is looked at when its origin writes there, and that is released',
    edits: [
      {
        file: 'pool/volume/page-release.ts',
        find: 'if (counted && this.goesOn(volume)) return 0;',
        replace: 'if (counted) return 0;',
      },
    ],
  },
  {
    name: 'state-read-from-one-place',
    harm: 'a bit that flips in a value of the state stops the pool, though the other copy is whole',
    edits: [
      {
        file: 'pool/meta/state-rows.ts',
        find: '  for (const copy of copies) {\n',
        replace: '  for (const copy of copies.slice(0, 1)) {\n',
      },
    ],
  },
  {
    name: 'block-of-a-deadlist-forgotten',
    harm: 'what the blocks of a long deadlist name is never released',
    edits: [
      {
        file: 'pool/volume/entry-list.ts',
        find: '      below.push(partIn(page.words, index));\n',
        replace: '      if (index > 0) below.push(partIn(page.words, index));\n',
      },
    ],
  },
  {
    name: 'deadlists-not-in-the-checkpoint',
    harm: 'what died before a crash is forgotten when the snapshot before it goes',
    edits: [
      {
        file: 'pool/log/checkpoint.ts',
        find: '...lists.takeChanged(),',
        replace: '',
      },
    ],
  },
];
