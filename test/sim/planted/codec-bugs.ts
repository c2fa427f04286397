/** Planted bugs of codecs and of the rewrite. */
import type { Bug } from './bugs.ts';

const PLAIN = 'pool/log/plain-reader.ts';

export const codecBugs: readonly Bug[] = [
  {
    name: 'wrong-plain-length-accepted',
    harm: 'a chunk that expands to fewer bytes than it has is served, with zeroes behind',
    profile: 'damage',
    edits: [
      {
        file: PLAIN,
        find: 'bytes?.length === stored.plainBytes && hasFingerprint(core, bytes, read);',
        replace:
          'bytes !== null && (bytes.length !== stored.plainBytes || hasFingerprint(core, bytes, read));',
      },
      {
        file: PLAIN,
        find: 'read.done(isWhole ? bytes : null, record);',
        replace: `const whole = new Uint8Array(stored.plainBytes);
        if (isWhole) whole.set(bytes);
        read.done(isWhole ? whole : null, record);`,
      },
    ],
  },
  {
    name: 'expanded-chunk-not-verified',
    harm: 'what comes out of a codec is served without a look at its fingerprint',
    profile: 'damage',
    edits: [
      {
        file: PLAIN,
        find: 'bytes?.length === stored.plainBytes && hasFingerprint(core, bytes, read);',
        replace: 'bytes?.length === stored.plainBytes;',
      },
    ],
  },
  {
    name: 'chunk-expanded-at-once-not-verified',
    harm: 'what comes out of a codec in the turn of the read is served without a look at its fingerprint',
    profile: 'damage',
    edits: [
      {
        file: 'pool/volume/read-now.ts',
        find: 'if (!isSure && !hasFingerprint(core, plain, fingerprintOf(page, id))) return;',
        replace: '',
      },
    ],
  },
  {
    name: 'rewrite-swaps-without-looking',
    harm: 'a rewrite gives its places to whatever the id names by now',
    profile: 'tended',
    edits: [
      {
        file: 'pool/rewrite/recoded-segments.ts',
        find: 'if (chunks.move(page, id, from, to)) this.moved += 1;',
        replace: `const now = chunks.placeOf(page, id) ?? from;
        if (chunks.move(page, id, now, to)) this.moved += 1;`,
      },
    ],
  },
  {
    name: 'rewritten-chunks-placed-before-their-segment-is-sealed',
    harm: 'entries name a segment whose bytes a power loss may take',
    edits: [
      {
        file: 'pool/rewrite/recoded-segments.ts',
        find: `      const bytes = await writer.seal();
      const segment = this.#core.segments.add(writer.number, { disk: writer.disk, bytes });
      await this.#swap(moves);`,
        replace: `      const sealed = writer.seal();
      const bytes = this.#streams.segmentBytes;
      const segment = this.#core.segments.add(writer.number, { disk: writer.disk, bytes });
      await this.#swap(moves);
      await sealed;`,
      },
    ],
  },
];
