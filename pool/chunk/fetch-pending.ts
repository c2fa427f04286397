/**
 * What it takes to store a pending chunk, and to give it its place, lies scattered over memory: its row, what leads there
 * from its id, and its entry. Read here for many chunks side by side, it is there when they are worked on: see
 * `dedup/fetch-ahead.ts`. Nothing is concluded from what is read.
 */
import type { PoolCore } from '../core.ts';
import { FETCHED_AHEAD, seen } from '../dedup/fetch-ahead.ts';
import { chunkKeyOf, entryAt } from './chunk-page.ts';
import type { PendingChunks } from './pending.ts';

const ids = new Float64Array(FETCHED_AHEAD);

/** For the `FETCHED_AHEAD` tickets from this one on, that are about to be stored. */
export function fetchRows(pending: PendingChunks, ticket: number): void {
  let read = 0;
  for (let i = 0; i < FETCHED_AHEAD; i++) read ^= pending.touch(ticket + i);
  seen[0] = read;
}

/** For the `FETCHED_AHEAD` chunks from `from` on, that are about to be placed. */
export function fetchPlaced(
  { pending, pages }: Pick<PoolCore, 'pending' | 'pages'>,
  tickets: readonly number[],
  from: number,
): void {
  const count = Math.min(FETCHED_AHEAD, tickets.length - from);
  let read = 0;
  for (let i = 0; i < count; i++) {
    const ticket = tickets[from + i] as number;
    read ^= pending.touch(ticket);
    ids[i] = pending.isWanted(ticket) ? pending.idOf(ticket) : 0;
  }
  for (let i = 0; i < count; i++) {
    const id = ids[i] as number;
    if (id === 0) continue;
    read ^= pending.touchId(id);
    const page = pages.get(chunkKeyOf(id));
    if (page !== null) read ^= page.words[entryAt(id)] as number;
  }
  seen[0] = read;
}
