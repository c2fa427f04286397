/**
 * The logical units that the suite needs to run all of its tests, and the paths to them. A set-up in
 * which only some suites can run names those, and why.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scale } from '../peers/scale.ts';

export const BLOCK_SIZES = ['512', '4096'] as const;
export type BlockSize = (typeof BLOCK_SIZES)[number];

const SECRET = 'a-secret-of-some-length';

export interface SetUp {
  readonly name: string;
  /** Of `scale volume create`. */
  readonly volumeArgs: readonly string[];
  /** Of `iscsi-test-cu`. */
  readonly suiteArgs: readonly string[];
  /** CHAP user; left out: the target asks for none. */
  readonly user?: string;
  readonly hasTwoPaths?: true;
  /** Left out: all suites. */
  readonly suites?: RegExp;
}

/** What a medium that can't be written lets run: the others only write first, and fail at that. */
const READING =
  /^SCSI\.(Inquiry|Mandatory|Prefetch.*|Prin.*|Read(10|12|16|6|Only|Capacity.*|Defect.*)|Report.*|TestUnitReady|ModeSense6)$/;
/** CHAP ends with the login: what the suite does over the session afterwards is the same without. */
const OF_THE_SESSION = /^(iSCSI\..*|SCSI\.(Read10|Write10|Mandatory))$/;

const SIZE = ['--size', '1G'];

export const SET_UPS: readonly SetUp[] = [
  { name: 'thin', volumeArgs: SIZE, suiteArgs: ['-S'] },
  { name: 'removable', volumeArgs: [...SIZE, '--removable'], suiteArgs: ['-S'] },
  {
    name: 'write-protected',
    volumeArgs: [...SIZE, '--read-only'],
    suiteArgs: [],
    suites: READING,
  },
  ...['host', '0xhost', '0bhost'].map((user) => ({
    name: `chap-${user}`,
    volumeArgs: SIZE,
    suiteArgs: [],
    suites: OF_THE_SESSION,
    user,
  })),
  { name: 'two-paths', volumeArgs: SIZE, suiteArgs: [], hasTwoPaths: true },
];

export interface Place {
  readonly url: string;
  readonly secondUrl?: string;
}

/** Makes a volume with the set-up's properties; `folder` is for the secret's file. */
export async function makeVolume(
  setUp: SetUp,
  { scale, name, blockSize, folder, secondPort }: VolumeOptions,
): Promise<Place> {
  const args = [...setUp.volumeArgs, '--block-size', blockSize];
  const { iscsiUrl, target } = await scale.createVolume(name, ...args);
  const { user } = setUp;
  if (user !== undefined) {
    const file = join(folder, 'secret');
    await writeFile(file, SECRET, { mode: 0o600 });
    await scale.cli('target', 'chap', target, '--user', user, '--secret-file', file);
  }
  const credentials = user === undefined ? '' : `${user}%${SECRET}@`;
  const url = iscsiUrl.replace('iscsi://', `iscsi://${credentials}`);
  if (setUp.hasTwoPaths !== true) return { url };
  const secondUrl = url.replace(`:${String(scale.portalPort)}/`, `:${String(secondPort)}/`);
  return { url, secondUrl };
}

export interface VolumeOptions {
  readonly scale: Scale;
  readonly name: string;
  readonly blockSize: BlockSize;
  readonly folder: string;
  /** Of the member's other portal. */
  readonly secondPort: number;
}
