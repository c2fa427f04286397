/**
 * Who is compared, all pinned to the same two cores: Storage Scale with its defaults, a second member
 * with little memory for what is to be read past its cache, tgt over plain files on the same
 * disk, and the null target: the same iSCSI front end over memory.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '../peers/command.ts';
import { Scale, type Volume } from '../peers/scale.ts';
import { Tgt } from '../peers/tgt.ts';
import type { Line } from './lines.ts';
import { pinned } from './load-tool.ts';
import { memoryOf, type MemberMemory } from './resident-memory.ts';

const LUNS = 4;
const LUN_BYTES = 1 << 30;
/** Its chunk cache holds 73 MiB. */
const SMALL_MEMORY = '128M';
/** What `bin/scale` tells V8 on two cores: the null target is the member without its pool. */
const V8_FLAGS = [
  '--max-semi-space-size=8',
  '--heap-growing-percent=150',
  '--v8-pool-size=1',
] as const;

export const contenderNames = ['scale', 'tgt', 'null'] as const;
export type ContenderName = (typeof contenderNames)[number];

interface Member {
  readonly scale: Scale;
  readonly urls: string[];
  /** Of its volumes, as the pool says. */
  readonly settings: string;
}

interface Parts {
  readonly members: Readonly<Record<Line['member'], Member>>;
  readonly tgt: { target: Tgt; urls: string[] };
  readonly memory: { child: ChildProcess; urls: string[] };
}

export class Contenders {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  static async start(folder: string): Promise<Contenders> {
    const [ofDefault, small, tgt, memory] = await Promise.all([
      startMember(join(folder, 'default'), { size: '10G', args: [], luns: LUNS }),
      startMember(join(folder, 'small'), {
        size: '4G',
        args: ['--memory', SMALL_MEMORY],
        luns: 1,
      }),
      startTgt(folder),
      startNull(),
    ]);
    return new Contenders({ members: { default: ofDefault, small }, tgt, memory });
  }

  urls(name: ContenderName, { member, luns }: Pick<Line, 'member' | 'luns'>): string[] {
    const all = {
      scale: this.#parts.members[member].urls,
      tgt: this.#parts.tgt.urls,
      null: this.#parts.memory.urls,
    };
    return all[name].slice(0, luns);
  }

  get volumeSettings(): string {
    return this.#parts.members.default.settings;
  }

  member(name: Line['member']): Scale {
    return this.#parts.members[name].scale;
  }

  /** Of each member, as it was at most. */
  memory(): Promise<MemberMemory[]> {
    const members = Object.entries(this.#parts.members);
    return Promise.all(members.map(([name, { scale }]) => memoryOf(name, scale.apiUrl)));
  }

  async stop(): Promise<void> {
    const { members, tgt, memory } = this.#parts;
    memory.child.kill('SIGKILL');
    await tgt.target.stop();
    await Promise.all(Object.values(members).map(({ scale }) => scale.terminate()));
  }
}

async function startMember(
  folder: string,
  facts: { size: string; args: readonly string[]; luns: number },
): Promise<Member> {
  const args = ['--disk', `${join(folder, 'disk')},size=${facts.size}`, ...facts.args];
  const scale = await Scale.start({
    dataDirectory: join(folder, 'data'),
    args,
    wrapper: pinned,
  });
  const volumes: Volume[] = [];
  for (let lun = 0; lun < facts.luns; lun++)
    volumes.push(await scale.createVolume(`bench${String(lun)}`, '--size', String(LUN_BYTES)));
  const settings = volumes.map(({ dedup, compression }) => `${dedup}, ${compression}`);
  const urls = volumes.map(({ iscsiUrl }) => iscsiUrl);
  return { scale, urls, settings: [...new Set(settings)].join('; ') };
}

async function startTgt(folder: string): Promise<{ target: Tgt; urls: string[] }> {
  const file = (lun: number): string => join(folder, `tgt-${String(lun)}.img`);
  const target = await Tgt.start({ file: file(1), sizeBytes: LUN_BYTES, wrapper: pinned });
  for (let lun = 2; lun <= LUNS; lun++) {
    await target.addLun(lun, { file: file(lun), sizeBytes: LUN_BYTES });
  }
  const urls = Array.from({ length: LUNS }, (_, index) => {
    return target.url.replace(/\/1$/, `/${String(index + 1)}`);
  });
  return { target, urls };
}

async function startNull(): Promise<{ child: ChildProcess; urls: string[] }> {
  const script = join(import.meta.dirname, '..', 'null-target.ts');
  const [program, ...args] = [
    ...pinned,
    ...[process.execPath, ...V8_FLAGS],
    ...[script, String(await freePort()), String(LUN_BYTES >> 20)],
  ];
  const env = { ...process.env, LUNS: String(LUNS) };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const url = line.toString().trim();
  const urls = Array.from({ length: LUNS }, (_, lun) => url.replace(/\/0$/, `/${String(lun)}`));
  return { child, urls };
}
