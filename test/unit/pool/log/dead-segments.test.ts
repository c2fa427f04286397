import type { Disk, DiskFile } from '../../../../src/base/ports.ts';
import { KIB, MIB, PoolInWorld, calmWorld } from '../pool-in-world.ts';
import { Prng } from '../../../sim/prng.ts';
import type { SimWorld } from '../../../sim/sim-world.ts';

const LENGTH = 2 * MIB;
const PIECE = 128 * KIB;

interface Watched {
  readonly it: PoolInWorld;
  readonly disk: Disk;
  /** How many segments took the file of another. */
  renames: number;
}

async function open(world: SimWorld): Promise<Watched> {
  const ports = await PoolInWorld.portsOf(world);
  const disk = world.disk('disk');
  const rename: Disk['rename'] = disk.rename.bind(disk);
  const it = await PoolInWorld.openOn(
    world,
    { ...ports, disks: [{ disk, class: 'nvme', capacityBytes: 64 * MIB }] },
    {},
  );
  const watched: Watched = { it, disk, renames: 0 };
  disk.rename = (from, to) => {
    if (from.startsWith('segments/')) watched.renames += 1;
    return rename(from, to);
  };
  await it.create('a', { compression: 'lz4' });
  return watched;
}

/** Chunks that are compressed to different lengths, so that no two segments end at the same place. */
function pieceOf(round: number, at: number): Uint8Array {
  const prng = new Prng(round * LENGTH + at);
  const bytes = new Uint8Array(PIECE);
  for (let chunk = 0; chunk < PIECE; chunk += 4 * KIB)
    prng.fill(bytes.subarray(chunk, chunk + prng.between(1, 4 * KIB)));
  return bytes;
}

/** All of the volume dies in each round but the first. */
async function overwrite(it: PoolInWorld, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < LENGTH; at += PIECE)
      expect(await it.write('a', at, pieceOf(round, at))).toBeNull();
    await it.world.run(it.world.clock.nowMs() + 2000);
  }
}

async function expectRound(it: PoolInWorld, round: number): Promise<void> {
  for (let at = 0; at < LENGTH; at += PIECE) {
    const found = await it.read('a', at, PIECE);
    const isRight = typeof found !== 'string' && Buffer.compare(found, pieceOf(round, at)) === 0;
    expect(isRight).toBe(true);
  }
}

async function bytesOfFiles({ world }: PoolInWorld): Promise<number> {
  const disk = world.disk('disk');
  let bytes = 0;
  for (const name of await world.until(disk.list('segments'))) {
    const file = await world.until(disk.open(`segments/${name}`, 'read'));
    bytes += await world.until(file.sizeBytes());
    await world.until(file.close());
  }
  return bytes;
}

/** Of the segments that there are. */
function usedBytes({ pool }: PoolInWorld): number {
  const [disk] = pool.disks();
  return (disk?.usedBytes ?? 0) - pool.status().journalBytes;
}

/** What is opened from now on answers reads after ten seconds. */
function slowReads({ world }: PoolInWorld, disk: Disk): void {
  const open: Disk['open'] = disk.open.bind(disk);
  disk.open = async (path, mode) => {
    const file = await open(path, mode);
    const read: DiskFile['read'] = file.read.bind(file);
    file.read = (into, position, done) => {
      world.clock.after(10_000, () => {
        read(into, position, done);
      });
    };
    return file;
  };
}

describe('the files of dead segments', () => {
  test('are used again while hosts write, and are the file system’s when the pool is quiet', async () => {
    const watched = await open(calmWorld());
    const { it } = watched;
    await overwrite(it, 6);
    expect(watched.renames).toBeGreaterThan(10);
    expect(await bytesOfFiles(it)).toBeGreaterThan(usedBytes(it) + MIB);
    await expectRound(it, 5);
    await it.world.run(it.world.clock.nowMs() + 70_000);
    expect(await bytesOfFiles(it)).toBe(usedBytes(it));
    await expectRound(it, 5);
  });

  test('end where the new segment ends, however long they were', async () => {
    const watched = await open(calmWorld());
    const { it } = watched;
    await overwrite(it, 6);
    expect(watched.renames).toBeGreaterThan(10);
    await it.world.until(it.pool.settle());
    expect(await bytesOfFiles(it)).toBe(usedBytes(it));
    await expectRound(it, 5);
  });

  test('are removed where others may need the room', async () => {
    const watched = await open(calmWorld({ capacityBytes: 10 * MIB }));
    await overwrite(watched.it, 4);
    expect(watched.renames).toBe(0);
    await expectRound(watched.it, 3);
  });

  test('are removed when others fill the file system, though little is written', async () => {
    const { it, disk } = await open(calmWorld());
    await overwrite(it, 6);
    expect(await bytesOfFiles(it)).toBeGreaterThan(usedBytes(it) + MIB);
    disk.availableBytes = () => Promise.resolve(MIB);
    for (let round = 0; round < 10; round++) {
      await it.write('a', 0, pieceOf(round, 0).subarray(0, 4 * KIB));
      await it.world.run(it.world.clock.nowMs() + 10_000);
    }
    expect(await bytesOfFiles(it)).toBe(usedBytes(it));
  });

  test('hold up nothing where a disk does not say how much room it has', async () => {
    const { it, disk } = await open(calmWorld());
    await overwrite(it, 2);
    disk.availableBytes = () => new Promise(() => undefined);
    await overwrite(it, 6);
    await it.world.run(it.world.clock.nowMs() + 70_000);
    expect(await bytesOfFiles(it)).toBe(usedBytes(it));
    await expectRound(it, 5);
    await it.world.until(it.pool.close());
  });

  test('are not written over while somebody reads them', async () => {
    const watched = await open(calmWorld({ readNowRate: 0 }));
    const { it, disk } = watched;
    await overwrite(it, 3);
    // So that the cache does not have it.
    for (let at = 0; at < 4 * LENGTH; at += PIECE)
      await it.write('a', 2 * LENGTH + at, pieceOf(200, at));
    await it.world.run(it.world.clock.nowMs() + 40_000);
    slowReads(it, disk);
    const outcomes: string[] = [];
    for (let at = 0; at < LENGTH; at += PIECE) {
      it.pool.openVolume('a').read(at, PIECE, (error, bytes) => {
        outcomes.push(error?.code ?? 'read');
        bytes.release();
      });
    }
    await overwrite(it, 4);
    expect(outcomes).toEqual([]);
    const before = watched.renames;
    await overwrite(it, 4);
    expect(outcomes).toEqual(Array.from({ length: LENGTH / PIECE }, () => 'read'));
    expect(it.pool.events(0, 1000).filter(({ severity }) => severity === 'error')).toEqual([]);
    await overwrite(it, 2);
    expect(watched.renames).toBeGreaterThan(before);
  });

  test('are removed by a pool that closes', async () => {
    const { it } = await open(calmWorld());
    await overwrite(it, 4);
    expect(await bytesOfFiles(it)).toBeGreaterThan(usedBytes(it) + MIB);
    await it.world.until(it.pool.close());
    expect(await bytesOfFiles(it)).toBeLessThanOrEqual(usedBytes(it));
  });
});
