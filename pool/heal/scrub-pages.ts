/**
 * Scrubs the metadata as the store has it: every page by header and checksum, both copies of the small
 * state beside them (one that is damaged is written again), and in chunk pages the chunks that were given up for lost before. Past the page cache: what
 * memory still holds may be gone after the next start.
 */
import {
  ChunkState,
  ENTRIES_PER_CHUNK_PAGE,
  chunkIdOf,
  pageNumberOf,
} from '../chunk/chunk-page.ts';
import { EntryField, LOST_CHUNK_ID, entryAt } from '../chunk/chunk-page.ts';
import { PAGE_HEADER_WORDS, PageKind, keysOfKind, openPage } from '../meta/page.ts';
import { StateKind, StateName, rowNumber } from '../meta/state.ts';
import { openCopies, rowNames } from '../meta/state-rows.ts';
import type { OpenedCopies } from '../meta/state-rows.ts';
import { idOf } from '../volume/map.ts';
import type { ScrubParts } from './scrub-parts.ts';

const LIST_LIMIT = 4096;
/** Pages that are read together and verified in one turn. */
const PAGES_PER_TURN = 64;

export async function scrubPages(parts: ScrubParts): Promise<void> {
  await scrubState(parts, Object.values(StateName));
  for (const kind of Object.values(StateKind)) {
    for await (const names of rowNames(parts.meta, kind)) await scrubState(parts, names);
  }
  for (const kind of Object.values(PageKind)) {
    for await (const keys of storedKeys(parts, kind)) {
      for (let at = 0; at < keys.length; at += PAGES_PER_TURN) {
        const some = keys.slice(at, at + PAGES_PER_TURN);
        await parts.pace.spent(await scrubSome(parts, kind, some));
      }
    }
  }
}

/** The keys of all stored pages of a kind, ascending, some at a time. */
export async function* storedKeys(
  { meta }: Pick<ScrubParts, 'meta'>,
  kind: PageKind,
): AsyncGenerator<readonly number[]> {
  const { from: first, to } = keysOfKind(kind);
  for (let from = first; ;) {
    const keys = await meta.listPages({ from, to, limit: LIST_LIMIT });
    yield keys;
    const last = keys.at(-1);
    if (last === undefined || keys.length < LIST_LIMIT) return;
    from = last + 1;
  }
}

/** Gives how many bytes were read. */
async function scrubSome(
  parts: ScrubParts,
  kind: PageKind,
  keys: readonly number[],
): Promise<number> {
  let readBytes = 0;
  const stored = await parts.meta.readPages(keys);
  for (const [index, key] of keys.entries()) {
    const bytes = stored[index] ?? null;
    // Not there any more: a checkpoint has removed it since the list was made.
    if (bytes === null) continue;
    const words = bytes instanceof Uint8Array ? openPage(parts.core.compute, key, bytes) : null;
    readBytes += bytes instanceof Uint8Array ? bytes.length : 0;
    if (words === null) await lookAgain(parts, key);
    else if (kind === PageKind.chunk) await scrubLost(parts, key, words);
    else if (kind === PageKind.map) scrubGivenUp(parts, words);
  }
  return readBytes;
}

async function lookAgain({ core, meta, findings }: ScrubParts, key: number): Promise<void> {
  const [bytes = null] = await meta.readPages([key]);
  if (bytes === null || core.pages.wasRemoved(key)) return;
  if (bytes instanceof Uint8Array && openPage(core.compute, key, bytes) !== null) return;
  const reason = bytes instanceof Uint8Array ? 'its checksum does not hold' : bytes.message;
  findings.page(key, `metadata page ${key} is damaged: ${reason}`);
}

/** Chunks that were lost before: given up when destage found them damaged, or in a part of the journal
 * whose loss was accepted at a start. */
async function scrubLost(parts: ScrubParts, key: number, words: Uint32Array): Promise<void> {
  const { core, findings } = parts;
  const { partition, pageNumber } = pageNumberOf(key);
  for (let index = 0; index < ENTRIES_PER_CHUNK_PAGE; index++) {
    const id = chunkIdOf(partition, pageNumber, index);
    const at = entryAt(id);
    const state = (words[at + EntryField.state] ?? 0) & 0xff;
    const isNowhere = state === ChunkState.live && words[at + EntryField.segment] === 0;
    if (state !== ChunkState.lost && !isNowhere) continue;
    if (core.pending.ticketOf(id) !== null) continue;
    const page = await core.pages.hold(key);
    if (page === null) return;
    const isLost = core.chunks.isLost(page, id);
    core.pages.letGo(page);
    if (isLost) findings.chunk(id, { kind: 'lost', message: `chunk ${id} was lost before` });
  }
}

/** Chunks whose entries were lost with a page of theirs, when that was accepted at a start. */
function scrubGivenUp({ findings }: ScrubParts, words: Uint32Array): void {
  if (findings.hasChunk(LOST_CHUNK_ID)) return;
  for (let at = PAGE_HEADER_WORDS; at < words.length; at += 2) {
    if (idOf(words[at] ?? 0, words[at + 1] ?? 0) !== LOST_CHUNK_ID) continue;
    findings.chunk(LOST_CHUNK_ID, { kind: 'lost', message: 'chunks were given up for lost' });
    return;
  }
}

async function scrubState(parts: ScrubParts, names: readonly string[]): Promise<void> {
  const stored = await parts.meta.readState(names);
  let bytes = 0;
  for (const [index, name] of names.entries()) {
    const copies = stored[index] ?? [null, null];
    // Not there any more: a checkpoint has removed it since the list was made.
    if (copies.every((copy) => copy === null)) continue;
    for (const copy of copies) if (copy instanceof Uint8Array) bytes += copy.length;
    const { worn } = openCopies(parts.core.compute, name, copies);
    if (worn > 0) await lookAgainAtState(parts, name);
  }
  await parts.pace.spent(bytes);
}

/** What is stored is not written as it was read: it may be older than what the pool has now. */
async function lookAgainAtState(parts: ScrubParts, name: string): Promise<void> {
  const [copies = [null, null]] = await parts.meta.readState([name]);
  if (copies.every((copy) => copy === null)) return;
  const opened = openCopies(parts.core.compute, name, copies);
  if (opened.worn === 0) return;
  const { lists, families } = parts.volumes;
  if (name.startsWith(StateKind.deadlist)) lists.storeAgain(rowNumber(name));
  if (name.startsWith(StateKind.snapshot)) families.storeAgain(rowNumber(name));
  parts.findings.other({ kind: 'state', message: whatIsWorn(name, opened) });
}

const whatIsWorn = (name: string, { payload }: OpenedCopies): string =>
  payload === null
    ? `metadata state '${name}' is damaged in both copies`
    : `a copy of metadata state '${name}' is damaged; the other is whole, it is written again`;
