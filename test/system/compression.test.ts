/** Compressed volumes through QEMU, over restarts, kills and rewrites. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isInstalled, run } from '../peers/command.ts';
import { convertIn, convertOut, makeImage, sha256 } from '../peers/image.ts';
import { SCALE, Scale } from '../peers/scale.ts';
import type { Volume } from '../peers/scale.ts';
import { testWith } from './test-with.ts';

const MEBIBYTE = 1 << 20;
const IMAGE_BYTES = 40 * MEBIBYTE;
const CODECS = ['lz4', 'zstd-1'] as const;

interface Status {
  readonly uniqueBytes: number;
  readonly compressionRatio: number;
}

interface Rewrite {
  readonly state: string;
  readonly recodedChunks: number;
  readonly unreadableChunks: number;
}

let folder: string;
let scale: Scale;

const start = async (): Promise<void> => {
  scale = await Scale.start({ dataDirectory: join(folder, 'data') });
};
const status = (): Promise<Status> => scale.cli<Status>('pool', 'status');
const image = (): string => join(folder, 'image.raw');

async function mustHold(name: string): Promise<void> {
  const { iscsiUrl } = await scale.cli<Volume>('volume', 'show', name);
  const copy = join(folder, `${name}.raw`);
  await convertOut(iscsiUrl, copy);
  expect([name, await sha256(copy)]).toEqual([name, await sha256(image())]);
  await rm(copy);
}

async function filled(name: string, compression: string): Promise<void> {
  const args = ['--size', String(IMAGE_BYTES), '--compression', compression, '--dedup', 'off'];
  await convertIn(image(), (await scale.createVolume(name, ...args)).iscsiUrl);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-compression-'));
  const tree = join(import.meta.dirname, '..', '..', 'node_modules', 'typescript', 'lib');
  if (isInstalled('mke2fs')) await makeImage(image(), IMAGE_BYTES, tree);
  await start();
}, 60_000);

afterAll(async () => {
  await scale.terminate();
  await rm(folder, { recursive: true });
}, 60_000);

describe('volumes with compression', () => {
  testWith('qemu-img', 'mke2fs')(
    'hold an image as it was written, after a restart and after kill -9',
    async () => {
      for (const codec of CODECS) await filled(codec, codec);
      expect((await scale.terminate()).code).toBe(0);
      await start();
      for (const codec of CODECS) await mustHold(codec);
      const { compressionRatio } = await status();
      expect(compressionRatio).toBeGreaterThan(1.5);
      await filled('last', 'lz4');
      await scale.kill();
      await start();
      for (const name of [...CODECS, 'last']) await mustHold(name);
    },
    180_000,
  );

  testWith('qemu-img')(
    'store nothing of an image of zeroes',
    async () => {
      const zeroes = join(folder, 'zeroes.raw');
      const file = await open(zeroes, 'w');
      await file.write(Buffer.alloc(8 * MEBIBYTE));
      await file.close();
      const before = await status();
      const args = ['--size', '8M', '--compression', 'zstd'];
      await convertIn(zeroes, (await scale.createVolume('zeroes', ...args)).iscsiUrl);
      const after = await status();
      expect(after.uniqueBytes).toBe(before.uniqueBytes);
      expect(await scale.cli('volume', 'show', 'zeroes')).toMatchObject({ usedBytes: 0 });
    },
    60_000,
  );

  testWith('qemu-img', 'mke2fs')(
    'volume rewrite stores old data by the new setting, also after it was killed in its middle',
    async () => {
      await filled('plain', 'off');
      const args = ['volume', 'rewrite', 'plain', '--wait'];
      await scale.cli('volume', 'set', 'plain', '--compression', 'zstd');
      const begun = await scale.cli<Rewrite>('volume', 'rewrite', 'plain', '--no-wait');
      expect(begun.state).toBe('running');
      await scale.kill();
      await start();
      await mustHold('plain');
      expect(await scale.cli<Rewrite>(...args)).toMatchObject({
        state: 'finished',
        unreadableChunks: 0,
      });
      await mustHold('plain');
      await scale.cli('volume', 'set', 'plain', '--compression', 'lz4');
      expect((await scale.cli<Rewrite>(...args)).recodedChunks).toBeGreaterThan(100);
      expect((await scale.cli<Rewrite>('volume', 'rewrite', 'plain', '--status')).state).toBe(
        'finished',
      );
      const types = (await scale.cli<{ type: string }[]>('pool', 'events')).map(({ type }) => type);
      expect(types).toEqual(expect.arrayContaining(['rewrite-started', 'rewrite-finished']));
      expect((await scale.terminate()).code).toBe(0);
      const checked = await run(SCALE, ['check', '--data', join(folder, 'data')], {
        timeoutMs: 60_000,
      });
      expect([checked.code, checked.stderr]).toEqual([0, '']);
      await start();
      await mustHold('plain');
    },
    180_000,
  );

  test('an unknown codec or level is refused with what there is', async () => {
    for (const name of ['gzip', 'zstd-0', 'zstd-20', 'lz4-9']) {
      const made = await scale.tryCli(
        'volume',
        'create',
        'x',
        '--size',
        '8M',
        '--compression',
        name,
      );
      expect(made.code).toBe(1);
      expect(made.stderr).toContain(
        `'${name}' is no compression: use lz4, zstd, zstd-1 to zstd-19, or off`,
      );
    }
    const nobody = await scale.tryCli('volume', 'rewrite', 'nobody');
    expect([nobody.code, nobody.stderr]).toEqual([
      1,
      expect.stringContaining("no volume 'nobody'"),
    ]);
  }, 60_000);
});
