/** The figures of the pool add up, whatever is done to it; and what initiators give back is free soon. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answerOf, SPACE_ALLOCATION_FAILED } from '../initiator/answers.ts';
import { synchronizeCache, unmap, write, writeSameUnmap } from '../initiator/block-commands.ts';
import { portalOf, TcpInitiator } from '../initiator/tcp-initiator.ts';
import { sleep } from '../peers/command.ts';
import { Scale } from '../peers/scale.ts';

jest.setTimeout(240_000);

const MIB = 1 << 20;
const PIECE_BYTES = MIB;
const modes = ['pre-ack', 'on-ack', 'post-ack', 'post-process', 'off'];
const parts = ['stored', 'parity', 'metadata', 'journal', 'dead', 'reserve'];
/** Two segments of a pool this small: the ends of what died may share one with what lives. */
const MIXED_BYTES = 2 * 4 * MIB;
/** An idle pool gives wholly dead segments back within two seconds; the rest is the machine's. */
const GIVEN_BACK_WITHIN_MS = 4000;

type Status = Readonly<Record<string, number>>;

let folder: string;
let scale: Scale;
/** Looks at the pool all the time. */
let isWatching = true;
let looks = 0;
let watching: Promise<void>;
const wrong: Status[] = [];

async function status(): Promise<Status> {
  const pool = (await (await fetch(`${scale.apiUrl}/api/v1/pool`)).json()) as Status;
  const of = (name: string): number => pool[`${name}Bytes`] ?? NaN;
  const used = parts.reduce((sum, name) => sum + of(name), 0);
  const addsUp = used === of('used') && of('used') + of('free') === of('capacity');
  looks += 1;
  if (!addsUp || parts.some((name) => of(name) < 0)) wrong.push(pool);
  return pool;
}

const freeBytes = async (): Promise<number> => (await status())['freeBytes'] ?? NaN;

async function watch(): Promise<void> {
  while (isWatching) {
    await status();
    await sleep(20);
  }
}

async function mustBeFree(bytes: number): Promise<void> {
  const begun = performance.now();
  let pool = await status();
  while ((pool['freeBytes'] ?? 0) < bytes && performance.now() < begun + GIVEN_BACK_WITHIN_MS) {
    await sleep(50);
    pool = await status();
  }
  expect({ ...pool, missing: Math.max(0, bytes - (pool['freeBytes'] ?? 0)) }).toMatchObject({
    missing: 0,
  });
}

/** An initiator with the volume's pieces; each is answered, or the test fails. */
async function open(
  name: string,
): Promise<{ volume: TcpInitiator; fill: Fill; close: () => void }> {
  const { iscsiUrl } = await scale.cli<{ iscsiUrl: string }>('volume', 'show', name);
  const volume = await TcpInitiator.open(portalOf(iscsiUrl));
  const fill: Fill = async (pieces, from = 0, bytes = () => randomBytes(PIECE_BYTES)) => {
    for (let piece = from; piece < from + pieces; piece++) {
      const lba = (piece * PIECE_BYTES) / 512;
      expect([piece, await answerOf(volume, write(lba, bytes(piece)))]).toEqual([piece, 'good']);
    }
    expect(await answerOf(volume, synchronizeCache())).toBe('good');
  };
  return {
    volume,
    fill,
    close: () => {
      volume.close();
    },
  };
}
type Fill = (pieces: number, from?: number, bytes?: (piece: number) => Buffer) => Promise<void>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-space-'));
  const disk = `${join(folder, 'disk')},size=512M`;
  scale = await Scale.start({ dataDirectory: join(folder, 'data'), args: ['--disk', disk] });
  watching = watch();
});
afterAll(async () => {
  isWatching = false;
  await watching;
  await scale.kill();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await status();
  expect(wrong).toEqual([]);
});

test.each(modes)(
  'written in mode %s, the same bytes twice and bytes of their own',
  async (mode) => {
    await scale.createVolume(
      `in-${mode}`,
      '--size',
      '16M',
      '--dedup',
      mode,
      '--compression',
      'lz4',
    );
    const { fill, close } = await open(`in-${mode}`);
    const same = Buffer.concat([randomBytes(PIECE_BYTES / 2), Buffer.alloc(PIECE_BYTES / 2, mode)]);
    await fill(8, 0, (piece) => (piece % 2 === 0 ? same : randomBytes(PIECE_BYTES)));
    close();
    const { usedBytes } = await scale.cli<{ usedBytes: number }>('volume', 'show', `in-${mode}`);
    expect(usedBytes).toBe(8 * MIB);
  },
);

test('snapshots, clones, overwrites, rollback, rewrite and scrub', async () => {
  await scale.cli('snapshot', 'create', 'in-off@s', 'in-pre-ack@s');
  await scale.cli('clone', 'create', 'in-off@s', 'copy');
  for (const name of ['copy', 'in-off', 'in-pre-ack']) {
    const { fill, close } = await open(name);
    await fill(4, 2);
    close();
  }
  const { logicalBytes, uniqueBytes } = await status();
  expect(logicalBytes).toBe(6 * 8 * MIB);
  expect(uniqueBytes).toBeGreaterThan(0);
  await scale.cli('snapshot', 'rollback', 'in-pre-ack@s');
  await scale.cli('volume', 'set', 'in-off', '--compression', 'zstd');
  const rewrite = await scale.cli<object>('volume', 'rewrite', 'in-off', '--wait');
  expect(rewrite).toMatchObject({ state: 'finished', unreadableChunks: 0, skippedChunks: 0 });
  expect(await scale.cli<object>('pool', 'scrub', '--wait')).toMatchObject({ problems: 0 });
});

test('all deleted: nothing is stored, and what is free is what was', async () => {
  const names = [...modes.map((mode) => `in-${mode}`), 'copy'];
  for (const name of names) await scale.cli('volume', 'delete', name, '--with-snapshots', '--wait');
  const after = await status();
  expect([after['storedBytes'], after['uniqueBytes'], after['deadBytes']]).toEqual([0, 0, 0]);
});

test.each([
  ['UNMAP', unmap],
  ['WRITE SAME with the UNMAP bit', writeSameUnmap],
])('%s of all gives back what it took', async (name, give) => {
  const volumeName = `given-${name.split(' ')[0] ?? ''}`;
  await scale.createVolume(volumeName, '--size', '64M', '--dedup', 'off');
  const before = await freeBytes();
  const { volume, fill, close } = await open(volumeName);
  await fill(64);
  expect(before - (await freeBytes())).toBeGreaterThan(60 * MIB);
  for (let at = 0; at < 64 * MIB; at += 8 * MIB) {
    expect(await answerOf(volume, give(at / 512, 8 * MIB))).toBe('good');
  }
  await mustBeFree(before - MIXED_BYTES);
  close();
});

test('an overwrite of all gives back what was there', async () => {
  await scale.createVolume('over', '--size', '64M', '--dedup', 'off');
  const { fill, close } = await open('over');
  await fill(64);
  const before = await freeBytes();
  await fill(64);
  await mustBeFree(before - MIXED_BYTES);
  close();
});

test('full, it refuses what is new and takes overwrites where it can; a deletion brings it back', async () => {
  await scale.createVolume('filler', '--size', '1G', '--dedup', 'off');
  const { volume, close } = await open('filler');
  const put = (piece: number): Promise<string> =>
    answerOf(volume, write((piece * PIECE_BYTES) / 512, randomBytes(PIECE_BYTES)));
  let filled = 0;
  while ((await put(filled)) === 'good') filled += 1;
  expect(filled).toBeGreaterThan(200);
  const answers = new Set<string>();
  for (let round = 0; round < 40; round++) answers.add(await put((round * 37) % filled));
  expect([...answers].filter((one) => one !== 'good')).toEqual(
    answers.has(SPACE_ALLOCATION_FAILED) ? [SPACE_ALLOCATION_FAILED] : [],
  );
  await scale.cli('volume', 'delete', 'over', '--wait');
  for (let round = 0; round < 40; round++) {
    expect([round, await put((round * 37) % filled)]).toEqual([round, 'good']);
  }
  close();
});

test('it was looked at all the while', () => {
  expect(looks).toBeGreaterThan(100);
});
