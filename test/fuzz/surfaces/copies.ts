/**
 * Parameter lists of EXTENDED COPY, POPULATE TOKEN and WRITE USING TOKEN, well-formed ones that were
 * damaged: each command ends once, what is refused as ILLEGAL REQUEST or COPY ABORTED before its first
 * segment has written nothing, and no point in time is left when all tokens have expired.
 */
import { ScsiTarget } from '../../../iscsi/scsi/scsi-target.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import {
  blocks,
  bytesWithOffset,
  copyIn,
  copyOut,
  cscd,
  lid1,
  lid4,
  populateList,
  writeList,
  zeroToken,
} from '../../initiator/copy-lists.ts';
import { MemoryDevice } from '../../memory-device.ts';
import type { Prng } from '../../sim/prng.ts';
import { Host, newUnits, pattern, seededBytes, type SentTask } from '../../unit/iscsi/scsi/host.ts';
import { damage, mutate } from '../mutate.ts';
import { must, type Surface } from '../surface.ts';

const DEVICE_BYTES = 1 << 18;
const contents = [pattern(65536, 1), pattern(65536, 2)];
const TOKEN_AT = 38;
const MOST_TIMEOUT_MS = 600_000;
const LUNS = ['0000000000000000', '0001000000000000'] as const;

class Case {
  readonly #random: Prng;
  readonly #clock = new ManualClock();
  readonly #devices: readonly [MemoryDevice, MemoryDevice];
  readonly #host: Host;
  #tokens: Uint8Array[] = [zeroToken];

  constructor(random: Prng) {
    this.#random = random;
    const device = (): MemoryDevice => {
      const blockSizeBytes = random.pick([512, 4096] as const);
      return new MemoryDevice({ blocks: DEVICE_BYTES / blockSizeBytes, blockSizeBytes });
    };
    this.#devices = [device(), device()];
    const target = new ScsiTarget(newUnits(64, { clock: this.#clock, random: seededBytes(3) }));
    this.#host = new Host(target);
    for (const [lun, one] of this.#devices.entries()) {
      target.mapLun(lun, one);
      this.#host.settle(LUNS[lun]);
    }
    for (const [lun, one] of this.#devices.entries()) {
      const count = (65536 / one.blockSizeBytes).toString(16).padStart(4, '0');
      const cdb = `2A 00 00 00 00 00 00 ${count} 00`;
      this.#host.send(cdb, { lun: LUNS[lun]!, dataOut: contents[lun]! });
    }
  }

  run(): void {
    for (let commands = 15; commands > 0; commands--) this.#one();
    this.#clock.advance(MOST_TIMEOUT_MS);
    for (const { pointsInTime } of this.#devices) {
      must(pointsInTime === 0, `${pointsInTime} points in time are left`);
    }
  }

  #one(): void {
    const random = this.#random;
    const [action, list] = random
      .pick([this.#extendedCopy, this.#populate, this.#write])
      .call(this);
    const sent = random.chance(0.3) ? list : random.pick([mutate, damage])(random, list);
    const before = this.#changes;
    // EXTENDED COPY has its identifier in the list.
    const listId = action.startsWith('0') ? 0 : random.below(4);
    const lun = random.pick(LUNS);
    const task = this.#host.send(copyOut(action, sent, listId), { lun, dataOut: sent });
    this.#look(task, `${action} ${Buffer.from(sent).toString('hex')}`, before);
    const information = this.#host.send(copyIn('07', listId, 'lid4'), { lun });
    must(information.outcome !== 'pending', 'RECEIVE ROD TOKEN INFORMATION has no end');
    const token = information.dataIn.slice(TOKEN_AT);
    if (token.length === 512) this.#tokens = [...this.#tokens.slice(-4), token];
  }

  #look(task: SentTask, what: string, before: number): void {
    must(task.outcome !== 'pending', `${what} has no end`);
    if (task.outcome === 'good') return;
    const { sense } = task.result!;
    const segment = ((sense[10] ?? 0) << 8) | (sense[11] ?? 0);
    if (task.outcome.startsWith('a/') && segment > 0) return;
    must(before === this.#changes, `${what} was refused (${task.outcome}), and wrote`);
  }

  get #changes(): number {
    return this.#devices.reduce((sum, { changes }) => sum + changes, 0);
  }

  #ranges(): (readonly [number, number])[] {
    const random = this.#random;
    return Array.from({ length: random.between(1, 4) }, () => {
      return [random.below(64), random.below(9)] as const;
    });
  }

  #extendedCopy(this: Case): readonly [string, Uint8Array] {
    const random = this.#random;
    const segments = Array.from({ length: random.between(0, 4) }, () => {
      const ends = { from: random.pick([0, 1, 0xffff]), to: random.pick([0, 1, 0xffff]) };
      const lbas = { sourceLba: random.below(64), lba: random.below(70) };
      return random.chance(0.5)
        ? blocks(random.below(9), { ...ends, ...lbas, flags: random.pick(['00', '02']) })
        : bytesWithOffset(random.below(9) * 4096, {
            ...ends,
            ...lbas,
            sourceOffset: random.pick([0, 4096]),
          });
    });
    const cscds = this.#devices.map((device) => cscd(device));
    const listId = random.below(4);
    return random.chance(0.5)
      ? ['00', lid1(cscds, segments, { listId })]
      : ['01', lid4(cscds, segments, { listId, immed: random.chance(0.2) })];
  }

  #populate(this: Case): readonly [string, Uint8Array] {
    const flags = this.#random.pick(['00', '01']);
    const timeoutS = this.#random.below(700);
    return ['10', populateList(this.#ranges(), { flags, timeoutS })];
  }

  #write(this: Case): readonly [string, Uint8Array] {
    const flags = this.#random.pick(['00', '01', '02']);
    const offset = this.#random.below(8);
    const token = this.#random.pick(this.#tokens);
    return ['11', writeList(token, this.#ranges(), { flags, offset })];
  }
}

export const copiesSurface: Surface = {
  name: 'copies',
  share: 1,
  load: () =>
    Promise.resolve((random) => {
      new Case(random).run();
    }),
};
