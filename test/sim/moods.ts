/** What crowds do in a life: each mood leads to other places of the pool. */
import { comparer, orWriter } from './compare-actor.ts';
import { copier, freezer } from './copy-actor.ts';
import type { Profile } from './profiles.ts';
import type { Prng } from './prng.ts';
import {
  chunkUnmapper,
  chunkWriter,
  flusher,
  prober,
  reader,
  sameWriter,
  unmapper,
  writer,
} from './volume-actors.ts';
import type { Actor, Mood } from './volume-actors.ts';

const times = (count: number, actor: Actor): Actor[] => new Array<Actor>(count).fill(actor);

const mixed: Mood = {
  name: 'mixed',
  actors: [
    ...times(10, writer),
    ...times(6, reader),
    ...times(2, unmapper),
    ...times(2, sameWriter),
    ...times(2, flusher),
    ...times(2, prober),
    ...times(2, copier),
    freezer,
    comparer,
    orWriter,
  ],
  largest: 64,
  contents: Infinity,
  fuaRate: 0.1,
  spread: 48,
  thinkMs: 2,
  leavesUnsynced: false,
};

/** A long tail of the log that no sync has covered: small frames, many of one size. */
const unflushed: Mood = {
  ...mixed,
  name: 'unflushed',
  actors: [...times(5, writer), ...times(5, chunkUnmapper), reader],
  largest: 4,
  fuaRate: 0,
  thinkMs: 0.5,
  leavesUnsynced: true,
};

/** Chunks of many places are the same ones: copies, and what is written over them. */
const copies: Mood = {
  ...mixed,
  name: 'copies',
  actors: [
    ...times(4, writer),
    ...times(4, copier),
    ...times(2, comparer),
    reader,
    unmapper,
    sameWriter,
    freezer,
    orWriter,
  ],
  largest: 32,
  spread: 30,
};

/** More than the log holds. */
const flood: Mood = {
  ...mixed,
  name: 'flood',
  actors: [...times(6, writer), reader, sameWriter],
  largest: 128,
  spread: 150,
  thinkMs: 0,
};

/** The same few blocks again and again: segments die and are cleaned while others read. */
const churn: Mood = {
  ...mixed,
  name: 'churn',
  actors: [...times(5, writer), ...times(5, reader), ...times(2, copier), unmapper],
  largest: 64,
  fuaRate: 0.02,
  spread: 12,
};

/** Segments die by and by, while some wait for what they read from them. */
const wear: Mood = {
  ...churn,
  name: 'wear',
  actors: [...times(5, writer), ...times(3, reader), ...times(2, copier), unmapper],
  thinkMs: 300,
};

/** The same contents in many places, about as many as there are places: chunks are shared, joined and
 * die while others are compared. */
const twins: Mood = {
  ...mixed,
  name: 'twins',
  actors: [
    ...times(8, chunkWriter),
    copier,
    ...times(2, reader),
    ...times(2, chunkUnmapper),
    flusher,
  ],
  largest: 24,
  contents: 60,
  fuaRate: 0.02,
  thinkMs: 20,
};

/** Chunks by the page, that die soon: ids are handed out and come again as fast as they can. */
const bulk: Mood = {
  ...twins,
  name: 'bulk',
  largest: 100,
  contents: Infinity,
  thinkMs: 2,
};

const moods = [mixed, mixed, mixed, copies, copies, unflushed, unflushed, flood, churn];

/** The moods of a run's lives: some crowds never change theirs. */
export function moodsOf(prng: Prng, profile: Profile): Mood[] {
  const { lives, name } = profile;
  if (name === 'storm') return new Array<Mood>(lives).fill(unflushed);
  if (name === 'worn') return new Array<Mood>(lives).fill(wear);
  if (name === 'twins') return new Array<Mood>(lives).fill(twins);
  if (name === 'stalled' || name === 'behind') return new Array<Mood>(lives).fill(bulk);
  if (name === 'tended')
    return Array.from({ length: lives }, () => prng.pick([churn, twins, bulk, bulk]));
  const always = prng.chance(0.4) ? prng.pick(moods) : null;
  return Array.from({ length: lives }, () => always ?? prng.pick(moods));
}
