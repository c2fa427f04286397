/** Planted bugs of the journal: order, the end of the log, syncs. */
import type { Bug } from './bugs.ts';

const JOURNAL = 'pool/log/journal.ts';
const DESTAGE = 'pool/log/destage.ts';
const VOLUME = 'pool/volume/volume.ts';

export const logBugs: readonly Bug[] = [
  {
    name: 'ack-out-of-log-order',
    harm: 'several journal writes are in flight, each acknowledges its own commands',
    edits: [
      {
        file: JOURNAL,
        find: 'if (this.#inFlight || this.#failure !== null) return;',
        replace: 'if (this.#failure !== null) return;',
      },
      {
        file: JOURNAL,
        find: 'this.#filling = this.#writing;\n    this.#writing = group;\n    this.#inFlight = true;',
        replace: 'this.#filling = new Staging();',
      },
      {
        file: JOURNAL,
        find: '    if (this.#failure !== null) {\n      this.#inFlight = false;',
        replace: `    if (this.#failure !== null) {
      for (const { entry } of group.entries) entry.failed(this.#failure);`,
      },
      {
        file: JOURNAL,
        find: '    return true;\n  }\n\n  /** Whether the ring takes it',
        replace:
          '    this.#ends.set(end, this.#tail);\n    return true;\n  }\n\n  /** Whether the ring takes it',
      },
      {
        file: JOURNAL,
        find: '  #scheduled = false;\n',
        replace: '  #scheduled = false;\n  #ends = new Map<number, LogEnd>();\n',
      },
      {
        file: JOURNAL,
        find: `    this.#group = group.entries;
    this.#groupEnd = this.#filling.entries[0]?.frame ?? this.#tail;
    this.#done = 0;
    group.entries = [];
    group.used = 0;
    this.#apply();`,
        replace: `    for (const { entry, frame, end } of group.entries.splice(0)) {
      const next = this.#ends.get(end)!;
      if (next.position > this.#applied.position) this.#applied = next;
      entry.written(frame, { chunks: Infinity });
    }
    group.used = 0;
    this.#schedule();`,
      },
    ],
  },
  {
    name: 'stale-frame-replayed',
    harm: 'replay goes on with whatever frame stands at the place with the next sequence number',
    edits: [
      {
        file: 'pool/log/log-reader.ts',
        find: `      header.sequence === at.sequence &&
      header.previousHigh === at.previousHigh &&
      header.previousLow === at.previousLow &&
      header.incarnation >= this.#incarnation;`,
        replace: '      header.sequence === at.sequence;',
      },
    ],
  },
  {
    name: 'torn-data-replayed',
    harm: 'replay takes a frame at the end of the log though not all of its data was written',
    edits: [
      {
        file: 'pool/log/replay.ts',
        find: 'const whole = frame !== null && frame.damaged.length === 0;',
        replace: 'const whole = frame !== null;',
      },
    ],
  },
  {
    name: 'sync-misses-a-write-in-flight',
    harm: 'a sync that began before a write was complete counts for that write too',
    edits: [
      {
        file: 'pool/log/ring.ts',
        find: `      this.#unsynced.add(file);\n`,
        replace: '',
      },
      {
        file: 'pool/log/ring.ts',
        find: `    const room = this.#fileBytes - offset;\n`,
        replace: `    const room = this.#fileBytes - offset;\n    this.#unsynced.add(file);\n`,
      },
    ],
  },
  {
    name: 'flush-without-sync',
    harm: 'SYNCHRONIZE CACHE is answered without an fdatasync',
    edits: [
      {
        file: VOLUME,
        find: `    this.#core.journal.syncTo(this.#core.journal.applied.position, (error) => {
      finish(error === null ? null : { code: 'write-failed' });
    });`,
        replace: '    finish(null);',
      },
    ],
  },
  {
    name: 'dropped-pages-believed-at-the-start',
    harm: 'what a failed sync has dropped shows until the power is lost, and is taken for durable',
    profile: 'errors',
    edits: [
      {
        file: JOURNAL,
        find: '    await this.#ring.rewrite(this.#synced, this.#applied.position);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'failed-sync-tried-again',
    harm: 'after an fdatasync that failed the next one is believed',
    profile: 'errors',
    edits: [
      {
        file: JOURNAL,
        find: `    this.#syncing = false;
    if (error !== null) {
      this.#fail(error);
      return;
    }`,
        replace: `      this.#syncing = false;
      if (error !== null) {
        for (const file of this.#ring.files) this.#ring.unsynced.add(file);
        this.#sync();
        return;
      }`,
      },
      {
        file: 'pool/log/ring.ts',
        find: '  private constructor(',
        replace: `  get files() {
    return this.#files;
  }
  get unsynced() {
    return this.#unsynced;
  }

  private constructor(`,
      },
    ],
  },
  {
    name: 'pending-chunk-known-by-its-id',
    harm: 'a chunk that got the id of one that died gets the place of that one',
    edits: [
      {
        file: DESTAGE,
        find: 'batch.map(({ ticket }) => ticket)',
        replace: 'batch.map(({ id }) => id)',
      },
      {
        file: DESTAGE,
        find: "const ticket = present(tickets[index], 'counted by the loop');",
        replace: "const ticket = core.pending.ticketOf(present(tickets[index], '')) ?? -1;",
      },
    ],
  },
];
