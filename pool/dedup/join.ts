/**
 * One frame that joins a chunk Y to another with the same bytes, X. Where the volume's head alone holds
 * Y, its entry is written over with X; else Y becomes an alias of X.
 *
 * Invariants
 * - X is pinned by who begins the join, until this unpins it.
 * - From `begin` until the record took effect or failed Y takes no references, does not die, and is no
 *   alias's chunk: nothing dies in a replay, and what the record does there it has to have done here.
 */
import { ChunkState } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import { FRAME_HEADER_BYTES, RECORD_BYTES } from '../log/frame.ts';
import { putAliasRecord, putReferenceRecord } from '../log/frame.ts';
import type { Entry, FramePosition, EffectBudget, Urgency } from '../log/journal.ts';
import type { Page } from '../meta/page-cache.ts';
import type { Rewrite, Volume } from '../volume/volume.ts';
import type { ModeCounters } from './counters.ts';

export interface JoiningChunk {
  readonly id: number;
  readonly log2: number;
  /** Of its first write: where a head may still have it. */
  readonly volume: number;
  readonly chunkNumber: number;
}

interface JoinFacts {
  readonly chunk: JoiningChunk;
  /** The chunk page of `chunk`. */
  readonly page: Page;
  /** Pinned, and unpinned when the join has ended. */
  readonly of: { readonly page: Page; readonly id: number };
  readonly counters: ModeCounters;
  /** As in Entry. */
  readonly urgency?: Urgency;
  readonly volumeOf: (id: number) => Volume | undefined;
  /** Once, whether it happened or not. */
  readonly ended: (joined: boolean) => void;
}

type JoinCore = Pick<PoolCore, 'chunks'>;

export class Join implements Entry {
  readonly metaBytes = FRAME_HEADER_BYTES + RECORD_BYTES;
  readonly dataBytes = 0;
  readonly urgency: Urgency | undefined;
  readonly #core: JoinCore;
  readonly #facts: JoinFacts;
  /** null: it becomes an alias. */
  readonly #rewrite: Rewrite | null;

  private constructor(core: JoinCore, facts: JoinFacts, rewrite: Rewrite | null) {
    this.#core = core;
    this.#facts = facts;
    this.urgency = facts.urgency;
    this.#rewrite = rewrite;
    core.chunks.pin(facts.page, facts.chunk.id);
  }

  /** To be appended or given up in this turn. null: it can't be joined now, and `of` is the caller's. */
  static begin(core: JoinCore, facts: JoinFacts): Join | null {
    const { chunks } = core;
    const { chunk, page, of } = facts;
    if (chunks.stateOf(of.page, of.id) !== ChunkState.live) return null;
    if (!chunks.beginLeaving(page, chunk.id)) return null;
    const isSingle = chunks.countOf(page, chunk.id) === 1;
    const volume = isSingle ? facts.volumeOf(chunk.volume) : undefined;
    const rewrite = volume?.beginRewrite(chunk.chunkNumber, chunk.id) ?? null;
    return new Join(core, facts, rewrite);
  }

  encode(_bytes: Uint8Array, view: DataView, at: number): void {
    const record = at + FRAME_HEADER_BYTES;
    const { chunk, of } = this.#facts;
    const { id, volume, chunkNumber } = chunk;
    if (this.#rewrite === null) putAliasRecord(view, record, { id, of: of.id });
    else putReferenceRecord(view, record, { volume, chunkNumber, id: of.id }, true);
  }

  written(_frame: FramePosition, turn: EffectBudget): boolean {
    turn.chunks -= 1;
    const { chunks } = this.#core;
    const { chunk, page, of, counters } = this.#facts;
    const { id, log2 } = chunk;
    // Where one of the two was found damaged since the record was made each keeps what it has.
    const joins = chunks.isLeaving(id) && chunks.stateOf(of.page, of.id) === ChunkState.live;
    if (joins) {
      if (this.#rewrite !== null) this.#rewrite.take(of);
      else chunks.makeAlias({ page, id }, of);
      counters.shared += 1;
      counters.bytesSaved += 2 ** log2;
    } else chunks.stays(id);
    this.#end(joins);
    return true;
  }

  failed(): void {
    this.giveUp();
  }

  giveUp(): void {
    this.#core.chunks.stays(this.#facts.chunk.id);
    this.#end(false);
  }

  #end(joined: boolean): void {
    const { chunks } = this.#core;
    const { chunk, page, of, ended } = this.#facts;
    this.#rewrite?.end();
    chunks.unpin(page, chunk.id);
    chunks.unpin(of.page, of.id);
    ended(joined);
  }
}
