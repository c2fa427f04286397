/**
 * The oracle of one volume: which values may a read of each block give?
 *
 * Every change of blocks is a command with the moments of its call and its return. The fate of one
 * that was acknowledged is 'happened'; of one that was refused, 'never'; of one that failed or was
 * under way at a crash, 'unknown' until a read tells. A command is whole or not at all, so what one
 * block tells holds for all of them.
 *
 * Of two commands on a block the later is the one called after the other returned; where they
 * overlapped, a read tells. A version of a block may be read unless a command that happened is later.
 *
 * - A power loss makes unknown again what was not durable: neither flushed, nor forced (FUA), nor
 *   found in its place by an earlier start of the process.
 * - Once the process serves again, what it found is durable: no version comes back a second time.
 */
import { assert } from '../../src/base/assert.ts';
import { blocksIn, tagOf } from './block-content.ts';
import type { Crash } from './sim-world.ts';

type Fate = 'happened' | 'never' | 'unknown';

/** What a copy has put there: one of these values, one that these versions have, null: anything. It is
 * not known which before it is read. */
export type Candidates = () => ReadonlySet<number> | readonly Version[] | null;

export interface Version {
  readonly command: Command;
  /** A set, or a function that tells of it, until a read tells; null: anything. */
  tag: number | ReadonlySet<number> | Candidates | null;
  /** Commands that are later than this one on this block, and since when that is certain. */
  readonly later: { readonly command: Command; readonly sinceMoment: number }[];
}

export interface Command {
  readonly name: string;
  /** Numbers of the blocks that it changes. */
  readonly blocks: readonly number[];
  readonly calledAt: number;
  returnedAt: number;
  fate: Fate;
  durable: boolean;
  /** A start of the process has found it. */
  settled: boolean;
}

export interface ReadMark {
  readonly firstBlock: number;
  readonly blocks: number;
  readonly calledAt: number;
}

/** What a run must never show. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export class BlockModel {
  readonly name: string;
  readonly blockSizeBytes: number;
  /** Of the blocks that something touched; the others show the base below them. */
  readonly #versions = new Map<number, Version[]>();
  /** Zeroes from a block on: of the creation and of each growth. */
  readonly #bases: { readonly from: number; readonly command: Command }[] = [];
  readonly #cuts: { readonly blocks: number; readonly moment: number }[] = [];
  readonly #commands: Command[] = [];
  #copied: Version[] = [];
  readonly #consumed = new Set<string>();
  #broughtBack = 0;
  #blocks = 0;
  #moment = 0;
  #lossAccepted = false;

  constructor(facts: { name: string; blocks: number; blockSizeBytes: number }) {
    this.name = facts.name;
    this.blockSizeBytes = facts.blockSizeBytes;
    this.#grow('creation', facts.blocks);
  }

  get blocks(): number {
    return this.#blocks;
  }

  /** Blocks that were written or read so far, ascending. */
  touched(): number[] {
    return [...this.#versions.keys()].sort((a, b) => a - b);
  }

  /** A command that changes blocks was called; tags of its blocks in order. */
  call(name: string, firstBlock: number, tags: readonly number[]): Command {
    const blocks = tags.map((_, index) => firstBlock + index);
    return this.#call(name, blocks, tags);
  }

  /** A copy, of which each block is a command of its own: it may stop in the middle. What its source may
   * have held is asked for until `settleCopies`. */
  callCopy(firstBlock: number, blocks: readonly Candidates[]): Command[] {
    this.#bringBack();
    return blocks.map((candidates, index) => {
      const number = firstBlock + index;
      const command = this.#call('copy', [number], []);
      const version = this.#versionsOf(number).at(-1);
      assert(version !== undefined, 'a command has a version');
      version.tag = candidates;
      this.#copied.push(version);
      return command;
    });
  }

  /** What copies that were called so far have taken, they have taken by now. */
  settleCopies(commands: readonly Command[] | null = null): void {
    this.#bringBack();
    this.#copied = this.#copied.filter((version) => {
      const ends = commands === null || commands.includes(version.command);
      if (ends && typeof version.tag === 'function') version.tag = valuesOf([version]);
      return !ends;
    });
  }

  /** Versions that a look at a block may have met between then and now; null: anything. */
  candidates(number: number, since: number): readonly Version[] | null {
    if (this.#wasCut(number, since) || this.#lossAccepted) return null;
    return this.#versionsOf(number).filter((version) => isLegal(version, since));
  }

  /** Counts what may bring values back that were written over: copies, rollbacks. */
  get broughtBack(): number {
    return this.#broughtBack;
  }

  #bringBack(): void {
    this.#broughtBack += 1;
    this.#consumed.clear();
  }

  /** Compare and write has found these values, which nobody writes a second time. `since` is what
   * `broughtBack` was when it was sent: it may have found them before they came back. */
  consume(firstBlock: number, tags: readonly number[], since: number): void {
    if (since !== this.#broughtBack) return;
    tags.forEach((tag, index) => {
      const found = `${firstBlock + index}:${tag}`;
      if (this.#consumed.has(found))
        throw new Violation(
          `${this.#place(firstBlock + index)}: two compare and writes found ${tag}`,
        );
      this.#consumed.add(found);
    });
  }

  /** All that was touched, and all of `content`, becomes what that says; the rest of it zeroes. */
  callAll(name: string, content: ReadonlyMap<number, number>): Command {
    this.#bringBack();
    const blocks = [...new Set([...this.#versions.keys(), ...content.keys()])];
    return this.#call(
      name,
      blocks,
      blocks.map((number) => content.get(number) ?? 0),
    );
  }

  /** It begins with this content, not with zeroes. */
  begin(content: ReadonlyMap<number, number>): void {
    const command = this.callAll('copy', content);
    this.returned(command, 'happened', { durable: true });
    command.settled = true;
  }

  /** For each block that was touched, the values that a copy of it may have that was made between
   * then and now. */
  possible(since: number): Map<number, ReadonlySet<number> | null> {
    const values = new Map<number, ReadonlySet<number> | null>();
    for (const number of this.#versions.keys()) {
      const versions = this.candidates(number, since);
      values.set(number, versions === null ? null : valuesOf(versions));
    }
    return values;
  }

  /** What lies from a block on becomes zeroes: that is a change only of what was touched. */
  callCut(firstBlock: number): Command {
    const blocks = [...this.#versions.keys()].filter((number) => number >= firstBlock);
    return this.#call('shrink', blocks, []);
  }

  #call(name: string, blocks: readonly number[], tags: readonly number[]): Command {
    const calledAt = this.#next();
    const open = { returnedAt: Infinity, fate: 'unknown', durable: false, settled: false } as const;
    const command: Command = { name, blocks, calledAt, ...open };
    this.#commands.push(command);
    blocks.forEach((number, index) => {
      this.#versionsOf(number).push({ command, tag: tags[index] ?? 0, later: [] });
    });
    return command;
  }

  /** It was answered. 'unknown' is an error that leaves open whether it will be seen. */
  returned(command: Command, fate: Fate, { durable }: { durable: boolean }): void {
    if (fate === 'unknown') return;
    const moment = this.#next();
    command.returnedAt = moment;
    if (fate === 'never') {
      if (command.fate === 'happened')
        throw new Violation(`${this.name}: ${command.name} was read, and then refused`);
      command.fate = fate;
      return;
    }
    command.durable = durable;
    this.#happened(command, moment);
  }

  callFlush(): number {
    return this.#next();
  }

  /** A flush that was called then has succeeded. */
  flushed(calledAt: number): void {
    for (const command of this.#commands)
      if (command.fate === 'happened' && command.returnedAt < calledAt) command.durable = true;
  }

  callRead(firstBlock: number, blocks: number): ReadMark {
    return { firstBlock, blocks, calledAt: this.#next() };
  }

  /** A read has succeeded with these views. With `forced` (FUA) what it shows is durable. */
  read(mark: ReadMark, views: readonly Uint8Array[], forced: boolean): void {
    const moment = this.#next();
    let number = mark.firstBlock;
    for (const block of blocksIn(views, this.blockSizeBytes)) {
      if (!this.#wasCut(number, mark.calledAt)) {
        const tag = tagOf(block);
        if (tag === null)
          throw new Violation(
            `${this.#place(number)} holds bytes that nobody wrote: ${hex(block)}`,
          );
        const seen = this.#see({ number, tag, calledAt: mark.calledAt, moment });
        if (forced && seen !== null) seen.command.durable = true;
      }
      number += 1;
    }
    assert(number === mark.firstBlock + mark.blocks, 'a read gives as many blocks as asked');
  }

  /** Answers that had not come yet never will. */
  crash(kind: Crash): void {
    this.settleCopies();
    const moment = this.#next();
    for (const command of this.#commands) {
      command.returnedAt = Math.min(command.returnedAt, moment);
      if (kind === 'power' && !command.durable) doubt(command);
    }
  }

  /** The medium was damaged before the process served again: the newest that was durable may be
   * gone too. A damaged frame that no later one knows to be synced looks like a torn one. */
  damaged(): void {
    for (const command of this.#commands) if (!command.settled) doubt(command);
  }

  /** The process serves again: what it found stays. */
  recovered(): void {
    for (const command of this.#commands) {
      if (command.returnedAt === Infinity) continue;
      command.durable = true;
      command.settled = true;
    }
  }

  /** Damage was accepted: any value that a block once had may be back. */
  acceptLoss(): void {
    this.#lossAccepted = true;
    for (const command of this.#commands) if (command.fate === 'happened') command.fate = 'unknown';
  }

  /** The volume has another size; what is new is zeroes. A smaller one cuts off. */
  resize(blocks: number): void {
    if (blocks > this.#blocks) {
      this.#grow('growth', blocks);
      return;
    }
    this.#cuts.push({ blocks, moment: this.#next() });
    for (const number of this.#versions.keys()) if (number >= blocks) this.#versions.delete(number);
    this.#blocks = blocks;
  }

  #grow(name: string, blocks: number): void {
    const moment = this.#next();
    const facts = {
      calledAt: moment,
      returnedAt: moment,
      fate: 'happened',
      durable: true,
      settled: true,
    } as const;
    const command: Command = { name, blocks: [], ...facts };
    this.#bases.push({ from: this.#blocks, command });
    this.#blocks = blocks;
  }

  /** A read that was under way when the volume was cut may show anything there. */
  #wasCut(number: number, calledAt: number): boolean {
    return this.#cuts.some(({ blocks, moment }) => number >= blocks && calledAt < moment);
  }

  #versionsOf(number: number): Version[] {
    const found = this.#versions.get(number);
    if (found !== undefined) return found;
    const base = this.#bases.findLast(({ from }) => number >= from);
    const versions: Version[] = [];
    if (base !== undefined) versions.push({ command: base.command, tag: 0, later: [] });
    this.#versions.set(number, versions);
    return versions;
  }

  #see(look: { number: number; tag: number; calledAt: number; moment: number }): Version | null {
    const versions = this.#versionsOf(look.number);
    const matching = versions.filter(
      (version) => mayHave(version, look.tag) && isLegal(version, look.calledAt),
    );
    const seen = matching[0];
    // With a loss a resize may be lost too: what it had cut off is back.
    if (seen === undefined && this.#lossAccepted && this.#cuts.length > 0) return null;
    if (seen === undefined) throw new Violation(this.#explain(look, versions));
    const shown = matching.map((version) => version.command);
    for (const other of versions) {
      if (matching.includes(other) || other.command.returnedAt >= look.calledAt) continue;
      this.#missing(other.command, shown);
      if (matching.length === 1)
        other.later.push({ command: seen.command, sinceMoment: look.moment });
    }
    // Which of several that left the same value, it does not tell.
    if (matching.length > 1) return null;
    seen.tag = look.tag;
    if (seen.command.fate === 'unknown') this.#happened(seen.command, look.moment);
    return seen;
  }

  /** A block shows an earlier command: this one, which nothing on that block can hide, never was. */
  #missing(command: Command, shown: readonly Command[]): void {
    if (this.#lossAccepted || command.fate !== 'unknown') return;
    if (shown.every(({ returnedAt }) => returnedAt < command.calledAt)) command.fate = 'never';
  }

  #happened(command: Command, moment: number): void {
    command.fate = 'happened';
    if (this.#lossAccepted && command.returnedAt < moment) return;
    for (const number of command.blocks) {
      for (const version of this.#versions.get(number) ?? []) {
        if (version.command.returnedAt < command.calledAt)
          version.later.push({ command, sinceMoment: moment });
      }
    }
  }

  #next(): number {
    this.#moment += 1;
    return this.#moment;
  }

  #place(number: number): string {
    return `${this.name} block ${number}`;
  }

  #explain(look: { number: number; tag: number }, versions: readonly Version[]): string {
    const lines = versions.map((version) => {
      const { command, tag, later } = version;
      const { name, calledAt, returnedAt, fate, durable } = command;
      const hidden = later.filter((other) => other.command.fate === 'happened').length;
      const values =
        typeof tag === 'number' ? tag : [...(valuesOf([version]) ?? ['any'])].join('|');
      return `  ${tag === look.tag ? '>' : ' '} tag ${values} ${name} [${calledAt}, ${returnedAt}] ${fate}${durable ? ' durable' : ''}, later: ${hidden}`;
    });
    return `${this.#place(look.number)} shows tag ${look.tag}, which it may not:\n${lines.join('\n')}`;
  }
}

function doubt(command: Command): void {
  command.durable = false;
  if (command.fate === 'happened') command.fate = 'unknown';
}

/**
 * null: any. Copies under way lead from version to version, in long rows and in circles where volumes are
 * copied onto each other: each is asked once, so a circle adds only what comes into it from outside.
 */
function valuesOf(versions: readonly Version[]): Set<number> | null {
  const values = new Set<number>();
  const reached = new Set(versions);
  for (const { tag } of reached) {
    const found = typeof tag === 'function' ? tag() : tag;
    if (found === null) return null;
    if (typeof found === 'number') values.add(found);
    else if ('length' in found) for (const version of found) reached.add(version);
    else for (const value of found) values.add(value);
  }
  return values;
}

const mayHave = (version: Version, value: number): boolean =>
  typeof version.tag === 'number'
    ? version.tag === value
    : (valuesOf([version])?.has(value) ?? true);

const isLegal = (version: Version, calledAt: number): boolean =>
  version.command.fate !== 'never' &&
  !version.later.some(
    ({ command, sinceMoment }) => command.fate === 'happened' && sinceMoment <= calledAt,
  );

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 32)).toString('hex');
