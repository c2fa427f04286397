import type { Disk } from '../../../../src/base/ports.ts';
import { KIB, MIB, PoolInWorld, calmWorld } from '../pool-in-world.ts';
import { Prng } from '../../../sim/prng.ts';
import type { SimWorld } from '../../../sim/sim-world.ts';

const LENGTH = 2 * MIB;
const PIECE = 128 * KIB;

interface Watched {
  readonly it: PoolInWorld;
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
  const watched: Watched = { it, renames: 0 };
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

  test('are removed by a pool that closes', async () => {
    const { it } = await open(calmWorld());
    await overwrite(it, 4);
    expect(await bytesOfFiles(it)).toBeGreaterThan(usedBytes(it) + MIB);
    await it.world.until(it.pool.close());
    expect(await bytesOfFiles(it)).toBeLessThanOrEqual(usedBytes(it));
  });
});
