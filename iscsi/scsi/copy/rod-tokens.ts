/**
 * The ROD tokens of a member. Each holds its point in time until nobody has used it for as long as it
 * was made for, or a host deletes it; there are so many and no more, and none is given up before its
 * time to make room. They do not outlive the process.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Clock, Random } from '../../../src/base/ports.ts';
import type { BlockRange, PointInTime } from '../block-device.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { InvalidToken, type Sense } from '../sense.ts';
import { MAX_TOKENS } from './copy-limits.ts';
import {
  hasTokenLength,
  isOfPool,
  makeToken,
  RodType,
  rodType,
  TOKEN_RANDOM_BYTES,
  tokenIdentifier,
} from './rod-token.ts';

/** Tokens that have ended, of which it is still known how. */
const MAX_REMEMBERED = 1024;

/** The blocks that a token stands for, one range after the other. */
export interface RodContent {
  readonly frozen: PointInTime;
  readonly ranges: readonly BlockRange[];
  readonly timeoutMs: number;
}

export interface RodToken {
  readonly bytes: Uint8Array;
  readonly content: RodContent;
}

interface LiveToken extends RodToken {
  users: number;
  usedMs: number;
  isDeleted: boolean;
}

export class RodTokens {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #live = new Map<string, LiveToken>();
  /** By identifier, oldest first. */
  readonly #ended = new Map<string, { readonly bytes: Uint8Array; readonly sense: Sense }>();
  #reserved = 0;

  constructor({ clock, random }: { clock: Clock; random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Room for one, to be filled by `make` or given back by `forgo`; false: there is none. */
  reserve(): boolean {
    if (this.#live.size + this.#reserved >= MAX_TOKENS) return false;
    this.#reserved += 1;
    return true;
  }

  forgo(): void {
    this.#reserved -= 1;
  }

  /** The point in time belongs to the token from here on. */
  make(unit: LogicalUnit, content: RodContent): Uint8Array {
    this.#reserved -= 1;
    const blocks = content.ranges.reduce((sum, range) => sum + range.blocks, 0);
    const random = this.#random.bytes(TOKEN_RANDOM_BYTES);
    const bytes = makeToken(unit, blocks * unit.device.blockSizeBytes, random);
    const usedMs = this.#clock.nowMs();
    const token: LiveToken = { bytes, content, users: 0, usedMs, isDeleted: false };
    this.#live.set(tokenIdentifier(bytes), token);
    this.#expireIn(token, content.timeoutMs);
    return bytes;
  }

  /** For a use that `giveBack` ends; while it lasts the token does not expire. */
  take(bytes: Uint8Array, poolId: Uint8Array): RodToken | Sense {
    if (rodType(bytes) !== RodType.pointInTime) return InvalidToken.unsupportedType;
    if (!hasTokenLength(bytes)) return InvalidToken.invalidLength;
    if (!isOfPool(bytes, poolId)) return InvalidToken.remoteNotSupported;
    const identifier = tokenIdentifier(bytes);
    const token = this.#live.get(identifier);
    const ended = this.#ended.get(identifier);
    const known = token ?? ended;
    if (known === undefined) return InvalidToken.unknown;
    if (!timingSafeEqual(known.bytes, bytes)) return InvalidToken.corrupt;
    if (token === undefined) return ended?.sense ?? InvalidToken.unknown;
    if (token.isDeleted) return InvalidToken.deleted;
    if (token.content.frozen.ended) return InvalidToken.revoked;
    token.users += 1;
    return token;
  }

  giveBack({ bytes }: RodToken, options: { delete: boolean }): void {
    const token = this.#live.get(tokenIdentifier(bytes));
    if (token === undefined) return;
    token.users -= 1;
    token.usedMs = this.#clock.nowMs();
    token.isDeleted ||= options.delete;
    if (token.isDeleted && token.users === 0) this.#end(token, InvalidToken.deleted);
  }

  #expireIn(token: LiveToken, delayMs: number): void {
    this.#clock.after(delayMs, () => {
      // An identifier is never used twice.
      if (this.#live.get(tokenIdentifier(token.bytes)) !== token) return;
      const { timeoutMs } = token.content;
      const leftMs = token.users > 0 ? timeoutMs : token.usedMs + timeoutMs - this.#clock.nowMs();
      if (leftMs > 0) this.#expireIn(token, leftMs);
      else this.#end(token, InvalidToken.expired);
    });
  }

  #end({ bytes, content }: LiveToken, sense: Sense): void {
    const identifier = tokenIdentifier(bytes);
    this.#live.delete(identifier);
    this.#ended.set(identifier, { bytes, sense });
    const oldest = this.#ended.keys().next();
    if (this.#ended.size > MAX_REMEMBERED && !oldest.done) this.#ended.delete(oldest.value);
    content.frozen.release();
  }
}
