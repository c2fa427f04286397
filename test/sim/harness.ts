/**
 * One run: a world from a seed, a pool in it, and lives of the process that end in crashes at any
 * event. Actors use the volumes; the models say what they may see; after each start and at the end
 * everything is compared.
 */
import { present } from '../../src/base/assert.ts';
import { changeCatalogue, tendVolumes } from './catalogue-actor.ts';
import { Violation } from './block-model.ts';
import { snapshotSource, volumeSource } from './copy-sources.ts';
import type { CopySource } from './copy-actor.ts';
import { moodsOf } from './moods.ts';
import { Prng } from './prng.ts';
import { compareSnapshots, readSomeSnapshot, useSnapshots } from './snapshot-actor.ts';
import type { SnapshotTraffic, SnapshotUnderTest } from './snapshot-actor.ts';
import { mustBlameNothing, mustHaveSaid } from './scrub-check.ts';
import { healthy } from './settings.ts';
import type { Profile } from './profiles.ts';
import { SimWorld } from './sim-world.ts';
import type { Crash } from './sim-world.ts';
import { LossFound, Refused } from './subject.ts';
import type { Subject, SubjectLife } from './subject.ts';
import { Trace } from './trace.ts';
import { readAndCheck } from './volume-actors.ts';
import type { Excuses, Mood, VolumeTraffic } from './volume-actors.ts';
import type { VolumeUnderTest } from './volume-under-test.ts';

export interface RunResult {
  readonly hash: string;
  readonly events: number;
  readonly operations: number;
  readonly crashes: number;
}

type Note = VolumeTraffic['note'];

const LAST_COMMANDS = 20;
const MOST_EVENTS_A_LIFE = 400_000;

export class Harness {
  readonly #world: SimWorld;
  readonly #subject: Subject;
  readonly #profile: Profile;
  readonly #prng: Prng;
  readonly #volumes = new Map<string, VolumeUnderTest>();
  readonly #snapshots = new Map<string, SnapshotUnderTest>();
  readonly #moods: readonly Mood[];
  #mood: Mood;
  /** Share of the administrator's commands that concern snapshots. */
  readonly #snapshotRate: number;
  #tags = 0;
  #operations = 0;
  #crashes = 0;
  /** Operations that the present life may still begin. */
  #budget = 0;
  #failure: Error | null = null;
  /** The last start named a loss and was told to accept it. */
  #lossTold = false;
  /** Commands of the present life that were not answered yet. */
  readonly #unanswered = new Set<{ text: string }>();

  constructor(
    subject: Subject,
    facts: { seed: number; profile: Profile; write: ((line: string) => void) | null },
  ) {
    this.#world = new SimWorld(facts.seed, healthy, new Trace(facts.write));
    this.#subject = subject;
    this.#profile = facts.profile;
    this.#prng = new Prng(facts.seed, 'harness');
    this.#moods = moodsOf(this.#prng, facts.profile);
    this.#snapshotRate = this.#prng.pick([0, 0.3, 0.7, 0.9]);
    this.#mood = present(this.#moods[0], 'a mood for each life');
  }

  async run(): Promise<RunResult> {
    const note = (error: unknown): void => {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    };
    process.on('unhandledRejection', note);
    try {
      for (const mood of this.#moods) {
        this.#mood = mood;
        await this.#lifeThatEnds();
      }
      this.#world.settings = healthy;
      if (this.#profile.name === 'damage') await this.#drive(this.#scrubRot(), Infinity);
      await this.#drive(this.#lastLife(), Infinity);
    } finally {
      process.off('unhandledRejection', note);
    }
    const { trace } = this.#world;
    const counts = { operations: this.#operations, crashes: this.#crashes };
    return { hash: trace.hash(), events: trace.events, ...counts };
  }

  /** A life with actors, until a crash somewhere or a clean end. */
  async #lifeThatEnds(): Promise<void> {
    const prng = this.#prng;
    const early = prng.chance(0.2);
    const events = prng.between(1, early ? 150 : 30 * this.#profile.commands);
    this.#world.settings = this.#profile.settings;
    const ended = await this.#drive(this.#life(), prng.chance(0.1) ? Infinity : events);
    const power = prng.chance(this.#profile.powerRate);
    if (!ended || !prng.chance(this.#profile.cleanRate)) this.#crash(power ? 'power' : 'process');
    else await this.#cleanEnd();
  }

  #current: SubjectLife | null = null;

  async #cleanEnd(): Promise<void> {
    const life = this.#current;
    if (life !== null) await this.#drive(this.#close(life), MOST_EVENTS_A_LIFE);
    this.#crash('process');
    if (this.#world.errors + this.#world.damages > 0 || !this.#prng.chance(0.3)) return;
    this.#world.settings = healthy;
    const recount = async (): Promise<void> => {
      this.#mustAddUp(await this.#recount());
    };
    await this.#drive(recount(), MOST_EVENTS_A_LIFE);
    this.#crash('process');
  }

  /** What was acknowledged before a clean end is durable. */
  async #close(life: SubjectLife): Promise<void> {
    const marks = [...this.#volumes.values()].map(
      ({ model }) => [model, model.callFlush()] as const,
    );
    await life.close();
    if (this.#world.errors === 0) for (const [model, mark] of marks) model.flushed(mark);
  }

  #crash(kind: Crash): void {
    this.#crashes += 1;
    this.#current = null;
    this.#unanswered.clear();
    this.#world.crash(kind);
    for (const { model } of this.#volumes.values()) model.crash(kind);
  }

  async #life(): Promise<void> {
    const life = await this.#start();
    if (life === null) return;
    this.#current = life;
    await this.#readSome(life, 60);
    // A life that changes nothing: the next must not see more of the log than this one did.
    if (this.#prng.chance(this.#profile.idleRate)) return;
    this.#budget = this.#profile.commands;
    this.#world.note('mood', this.#mood.name);
    const crowd = Array.from({ length: this.#prng.between(...this.#profile.crowd) }, () =>
      this.#act(life),
    );
    if (!this.#mood.leavesUnsynced || this.#volumes.size === 0) crowd.push(this.#administer(life));
    if (this.#mayScrub() && this.#prng.chance(this.#profile.isTended ? 0.8 : 0.3))
      crowd.push(this.#scrubBeside(life));
    await Promise.all(crowd);
    this.#mustAddUp(life.complaints());
  }

  /** Not where reads rot what they read: a scrub would pull the log away under the feet of the crowd. */
  #mayScrub(): boolean {
    return !this.#mood.leavesUnsynced && this.#profile.name !== 'damage';
  }

  /** Scrubs beside the crowd for as long as it has something to do. */
  async #scrubBeside(life: SubjectLife): Promise<void> {
    while (this.#budget > 0) {
      this.#budget -= 1;
      const found = await life.scrub();
      this.#note('< scrub', found.state, found.problems);
      if (this.#world.damages + this.#world.errors === 0) mustBlameNothing(found);
      await this.#pause(this.#prng.between(1, 2000));
    }
  }

  /** Rot wherever it strikes, a scrub, and a new life that holds nothing in memory: what that can't
   * read, or can't start with, the scrub has said. */
  async #scrubRot(): Promise<void> {
    const life = await this.#start();
    if (life === null) return;
    this.#current = life;
    if (this.#volumes.size > 0) {
      this.#budget = LAST_COMMANDS;
      await Promise.all([this.#act(life), this.#act(life)]);
    }
    for (let flips = this.#prng.between(1, 12); flips > 0; flips--) this.#rot();
    const found = await life.scrub();
    this.#note('< scrub', found.state, found.problems);
    // A frame that rotted before any later one knew it to be synced looks like a torn end of the log.
    for (const { model } of this.#volumes.values()) model.acceptLoss();
    this.#crash('process');
    const next = await this.#start();
    this.#current = next;
    if (next === null || this.#lossTold) {
      if (found.problems === 0)
        throw new Violation('a scrub found nothing, and then it does not start without a loss');
    } else await mustHaveSaid(found, next, this.#volumes.values());
    this.#crash('process');
  }

  #rot(): void {
    const kind = this.#prng.below(4);
    for (const medium of this.#world.media.values()) {
      if (kind < 2) medium.rotIn('segments');
      else if (kind === 2) medium.rotIn('journal');
    }
    if (kind === 3) for (const medium of this.#world.metaMedia.values()) medium.rotPage();
  }

  /** Without faults: everything is read, counted, and once more after a power loss. */
  async #lastLife(): Promise<void> {
    for (const kind of ['process', 'power'] as const) {
      const life = await this.#start();
      // What every start needs may be among what was damaged: it says so and stays down.
      if (life === null && this.#world.damages > 0) return;
      if (life === null) throw new Violation('it does not start though nothing fails any more');
      this.#current = life;
      await this.#readSome(life, Infinity);
      if (kind === 'process') {
        this.#budget = LAST_COMMANDS;
        await Promise.all([this.#act(life), this.#act(life)]);
        await this.#readSome(life, Infinity);
      }
      await this.#pause(this.#prng.pick([0, 500, 40_000]));
      this.#mustAddUp(life.complaints());
      await this.#close(life);
      this.#mustAddUp(await this.#recount());
      this.#crash(kind);
    }
  }

  /** Null: it could not start, for a reason. */
  async #start(): Promise<SubjectLife | null> {
    this.#lossTold = false;
    try {
      const life = await this.#subject.open(this.#world, { acceptLoss: false });
      this.#compareCatalogue(life);
      return life;
    } catch (error) {
      if (error instanceof LossFound && this.#world.damages > 0) return this.#startWithLoss();
      if (error instanceof Refused && this.#world.errors + this.#world.damages > 0) return null;
      throw error;
    }
  }

  async #startWithLoss(): Promise<SubjectLife | null> {
    this.#lossTold = true;
    for (const { model } of this.#volumes.values()) model.acceptLoss();
    this.#crash('process');
    try {
      const life = await this.#subject.open(this.#world, { acceptLoss: true });
      this.#compareCatalogue(life);
      return life;
    } catch (error) {
      if (error instanceof LossFound || error instanceof Refused) return null;
      throw error;
    }
  }

  #compareCatalogue(life: SubjectLife): void {
    const found = new Map(life.volumes().map((shape) => [shape.name, shape]));
    for (const [name, volume] of this.#volumes) {
      const shape = found.get(name);
      found.delete(name);
      // After a loss an old volume may be back, under a name whose new one was being made.
      const unknown = volume.id === null && this.#world.damages > 0;
      const another = unknown || (volume.id !== null && shape?.id !== volume.id);
      if (shape === undefined || another) {
        if (volume.presence === 'there' && this.#world.damages === 0)
          throw new Violation(`${name} is ${another ? 'another' : 'gone'}`);
        this.#volumes.delete(name);
        continue;
      }
      volume.id = shape.id;
      if (!volume.sizes.includes(shape.blocks) && this.#world.damages === 0)
        throw new Violation(`${name} has ${shape.blocks} blocks, not ${volume.sizes.join(' or ')}`);
      if (!volume.ejected.includes(shape.ejected) && this.#world.damages === 0)
        throw new Violation(`the medium of ${name} is ${shape.ejected ? 'out' : 'in'}`);
      volume.ejected = [shape.ejected];
      volume.presence = 'there';
      volume.hasSize(shape.blocks);
      volume.rollbacks.ended = volume.rollbacks.begun;
      if (this.#world.damages > 0) volume.model.damaged();
      volume.model.recovered();
    }
    for (const name of found.keys()) {
      if (this.#world.damages === 0) throw new Violation(`${name} is there and should not be`);
    }
    compareSnapshots(life, this.#snapshots, {
      damage: this.#world.damages > 0,
      isThere: (volume) => this.#volumes.get(volume.shape.name) === volume,
    });
  }

  /** One of the crowd: command after command, on any volume. */
  async #act(life: SubjectLife): Promise<void> {
    while (this.#budget > 0) {
      await this.#pause(this.#thinkingMs());
      const volumes = [...this.#volumes.values()].filter(({ presence }) => presence === 'there');
      if (volumes.length === 0) {
        this.#budget -= 1;
        continue;
      }
      this.#budget -= 1;
      this.#operations += 1;
      if (this.#snapshots.size > 0 && this.#prng.chance(0.1)) {
        await this.#answered(this.#note, (note) =>
          readSomeSnapshot({ ...this.#snapshotTraffic(life), note }),
        );
        continue;
      }
      const traffic = this.#traffic(life, this.#pick(volumes));
      await this.#answered(traffic.note, (note) =>
        this.#prng.pick(this.#mood.actors)({ ...traffic, note }),
      );
    }
  }

  #pick(volumes: readonly VolumeUnderTest[]): VolumeUnderTest {
    const lazy = volumes.filter(({ shape }) => !shape.sync);
    return this.#prng.pick(this.#mood.leavesUnsynced && lazy.length > 0 ? lazy : volumes);
  }

  /** Remembers what a command says of itself for as long as it is not answered. */
  async #answered(note: Note, run: (note: Note) => Promise<void>): Promise<void> {
    const command = { text: '' };
    this.#unanswered.add(command);
    await run((what, ...facts) => {
      command.text ||= `${what} ${facts.join(' ')}`;
      note(what, ...facts);
    });
    this.#unanswered.delete(command);
  }

  async #administer(life: SubjectLife): Promise<void> {
    while (this.#budget > 0) {
      this.#operations += 1;
      this.#budget -= 1;
      const traffic = this.#snapshotTraffic(life);
      const command = this.#pickCommand();
      await this.#answered(this.#note, (note) => command({ ...traffic, note }));
      await this.#pause(this.#prng.between(1, this.#profile.isTended ? 1000 : 60));
    }
  }

  #pickCommand(): (traffic: SnapshotTraffic) => Promise<void> {
    if (this.#volumes.size === 0) return changeCatalogue;
    if (this.#profile.isTended && this.#prng.chance(0.6)) return tendVolumes;
    return this.#prng.chance(this.#snapshotRate) ? useSnapshots : changeCatalogue;
  }

  #snapshotTraffic(life: SubjectLife): SnapshotTraffic {
    return {
      life,
      volumes: this.#volumes,
      snapshots: this.#snapshots,
      prng: this.#prng,
      note: this.#note,
      nextName: () => `s${++this.#tags}`,
      excuses: () => ({
        damage: this.#world.damages > 0,
        deviceErrors: this.#world.errors > 0,
        full: false,
        shrinking: false,
        deleting: false,
        rolledBack: false,
      }),
      refused: (what, error) => {
        const excused = this.#world.errors + this.#world.damages > 0 || this.#profile.isTight;
        if (!excused) throw new Violation(`${what} was refused without a reason: ${error.message}`);
      },
    };
  }

  /** Reads what was touched, in pieces of up to 32 blocks. */
  async #readSome(life: SubjectLife, mostPieces: number): Promise<void> {
    for (const volume of [...this.#volumes.values()]) {
      if (volume.presence !== 'there') continue;
      const traffic = this.#traffic(life, volume);
      let left = mostPieces;
      for (const range of rangesOf(volume.model.touched(), volume.model.blocks)) {
        if (left-- <= 0) break;
        await readAndCheck(traffic, { ...range, fua: false });
      }
    }
  }

  #excusesOf(volume: VolumeUnderTest): () => Excuses {
    const { cuts, rollbacks } = volume;
    const { ended } = rollbacks;
    const { fullRate, syncErrorRate } = this.#profile.settings.disk;
    return () => ({
      damage: this.#world.damages > 0,
      deviceErrors: this.#world.errors > 0,
      full: this.#profile.isTight || fullRate > 0 || syncErrorRate > 0,
      shrinking: volume.sizes.length > 1 || volume.cuts !== cuts,
      deleting: volume.presence !== 'there',
      rolledBack: rollbacks.begun > ended,
    });
  }

  #traffic(life: SubjectLife, volume: VolumeUnderTest): VolumeTraffic {
    const excuses = this.#excusesOf(volume);
    return {
      mood: this.#mood,
      model: volume.model,
      device: life.device(volume.shape.name),
      sync: volume.shape.sync,
      prng: this.#prng,
      excuses,
      nextTag: () => ++this.#tags,
      note: this.#note,
      sources: () => this.#sources(life),
      later: (run) => this.#world.clock.after(this.#prng.fraction(), run),
    };
  }

  #sources(life: SubjectLife): CopySource[] {
    const volumes = [...this.#volumes.values()].filter(({ presence }) => presence === 'there');
    const snapshots = [...this.#snapshots.values()].filter(({ presence }) => presence === 'there');
    return [
      ...volumes.map((volume) => volumeSource(volume, life, this.#excusesOf(volume))),
      ...snapshots.map((one) => snapshotSource(one, life, this.#excusesOf(one.volume))),
    ];
  }

  readonly #note: Note = (what, ...facts) => {
    this.#world.note(what, ...facts);
  };

  #thinkingMs(): number {
    const mood = this.#prng.below(100);
    if (mood < 90) return this.#mood.thinkMs * this.#prng.fraction();
    return mood < 99 ? this.#prng.between(10, 600) : this.#prng.between(5_000, 35_000);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.clock.after(ms, resolve);
    });
  }

  async #recount(): Promise<string[]> {
    try {
      return await this.#subject.check(this.#world);
    } catch (error) {
      if (error instanceof LossFound && this.#world.damages > 0) return [];
      throw error;
    }
  }

  #mustAddUp(complaints: readonly string[]): void {
    if (complaints.length > 0 && this.#world.damages === 0)
      throw new Violation(complaints.join('; '));
  }

  /** Lets events happen until the life ends by itself (true) or so many have happened. */
  async #drive(life: Promise<void>, most: number): Promise<boolean> {
    const state = { ended: false };
    const end = (): void => {
      state.ended = true;
    };
    life.then(end, end);
    for (let events = 0; ; events++) {
      await this.#world.settle();
      if (this.#failure !== null) throw this.#failure;
      if (state.ended) {
        await life;
        return true;
      }
      if (events >= most) return false;
      if (!this.#world.step() || events > MOST_EVENTS_A_LIFE)
        throw new Violation(
          `never answered: ${[...this.#unanswered].map(({ text }) => text).join('; ') || 'the start or the end'}`,
        );
    }
  }
}

/** Numbers in runs of neighbours. */
function* rangesOf(
  numbers: readonly number[],
  end: number,
): Generator<{ lba: number; blocks: number }> {
  let lba = -1;
  let blocks = 0;
  for (const number of numbers) {
    if (number >= end) break;
    if (number === lba + blocks && blocks < 32 && blocks > 0) {
      blocks += 1;
      continue;
    }
    if (blocks > 0) yield { lba, blocks };
    lba = number;
    blocks = 1;
  }
  if (blocks > 0) yield { lba, blocks };
}
