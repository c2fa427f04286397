/** A pool that is driven to its end: what it refuses, what it keeps, and how it comes back. */
import { Prng } from '../../sim/prng.ts';
import { KIB, MIB, PoolInWorld, calmWorld } from './pool-in-world.ts';

jest.setTimeout(40_000);

const CHUNK = 4 * KIB;
const VOLUME_CHUNKS = 8192;

/** A pool with what its volume must hold, by chunk number. */
class FullPool {
  readonly pool: PoolInWorld;
  readonly #prng: Prng;
  readonly content = new Map<number, Uint8Array>();

  private constructor(pool: PoolInWorld, prng: Prng) {
    this.pool = pool;
    this.#prng = prng;
  }

  static async open(seed: number): Promise<FullPool> {
    const pool = await PoolInWorld.open(calmWorld({}, {}, seed), { capacityBytes: 12 * MIB });
    await pool.create('data', { sizeBytes: VOLUME_CHUNKS * CHUNK });
    return new FullPool(pool, new Prng(seed));
  }

  /** The code of the refusal, or 'good'. */
  async write(chunk: number): Promise<string> {
    const bytes = new Uint8Array(CHUNK);
    this.#prng.fill(bytes);
    const error = await this.pool.write('data', chunk * CHUNK, bytes);
    if (error === null) this.content.set(chunk, bytes);
    return error?.code ?? 'good';
  }

  /** New chunks until one is refused. */
  async fill(): Promise<string> {
    for (let chunk = 0; chunk < VOLUME_CHUNKS; chunk++) {
      const code = await this.write(chunk);
      if (code !== 'good') return code;
    }
    return 'never full';
  }

  /** Overwrites at random what is there; how often each answer came. */
  async overwrite(times: number): Promise<Map<string, number>> {
    const codes = new Map<string, number>();
    const chunks = [...this.content.keys()];
    for (let index = 0; index < times; index++) {
      const code = await this.write(this.#prng.pick(chunks));
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    return codes;
  }

  async unmap(first: number, chunks: number): Promise<string> {
    const error = await this.pool.zero('data', first * CHUNK, chunks * CHUNK);
    for (let chunk = first; chunk < first + chunks; chunk++) this.content.delete(chunk);
    return error?.code ?? 'good';
  }

  async mustHoldAll(): Promise<void> {
    const wrong: number[] = [];
    for (const [chunk, bytes] of this.content) {
      const found = await this.pool.read('data', chunk * CHUNK, CHUNK);
      if (typeof found === 'string' || Buffer.compare(found, bytes) !== 0) wrong.push(chunk);
    }
    expect(wrong).toEqual([]);
    expect((await this.pool.world.until(this.pool.pool.recount())).problems).toEqual([]);
  }
}

describe('a full pool', () => {
  test.each([1, 2, 3])(
    'refuses what is new, and keeps all that it took (seed %i)',
    async (seed) => {
      const full = await FullPool.open(seed);
      expect(await full.fill()).toBe('space-exhausted');
      const { freeBytes } = full.pool.pool.status();
      expect(freeBytes).toBeLessThan(64 * KIB);
      await full.mustHoldAll();
    },
  );

  test('refuses overwrites too while nothing is dead, and keeps what was there', async () => {
    const full = await FullPool.open(1);
    await full.fill();
    expect([...(await full.overwrite(50)).keys()]).toEqual(['space-exhausted']);
    await full.mustHoldAll();
  });

  test.each([1, 2, 3])(
    'with a twentieth given back is overwritten for ever (seed %i)',
    async (seed) => {
      const full = await FullPool.open(seed);
      await full.fill();
      const twentieth = Math.ceil(full.content.size / 20);
      await full.unmap(0, twentieth);
      expect(await full.overwrite(800)).toEqual(new Map([['good', 800]]));
      expect(full.pool.pool.status().counters['cleanedSegments']).toBeGreaterThan(5);
      await full.mustHoldAll();
    },
  );

  test('takes UNMAP, and then writes again', async () => {
    const full = await FullPool.open(4);
    await full.fill();
    const taken = full.content.size;
    expect(await full.unmap(0, 512)).toBe('good');
    for (let chunk = 0; chunk < 480; chunk++) {
      expect([chunk, await full.write(taken + 100 + chunk)]).toEqual([chunk, 'good']);
    }
    await full.mustHoldAll();
  });

  test('takes the deletion of a volume, and then writes again', async () => {
    const full = await FullPool.open(5);
    await full.pool.create('other');
    const bytes = new Uint8Array(128 * KIB);
    for (let at = 0; at < 2 * MIB; at += bytes.length) {
      for (let chunk = 0; chunk < bytes.length; chunk += CHUNK)
        bytes.set(Buffer.from(`other ${at + chunk}`), chunk);
      expect(await full.pool.write('other', at, bytes)).toBeNull();
    }
    expect(await full.fill()).toBe('space-exhausted');
    const taken = full.content.size;
    await full.pool.world.until(
      full.pool.pool.deleteVolume('other').then(() => full.pool.pool.settle()),
    );
    expect(full.pool.pool.status().freeBytes).toBeGreaterThan(1.8 * MIB);
    for (let chunk = 0; chunk < 400; chunk++) {
      expect(await full.write(taken + chunk)).toBe('good');
    }
    await full.mustHoldAll();
  });

  test('says once that it is nearly full, and that there is enough again', async () => {
    const full = await FullPool.open(6);
    let told = 0;
    full.pool.pool.onLowSpace = () => (told += 1);
    await full.fill();
    await full.pool.world.run(full.pool.world.clock.nowMs() + 1000);
    expect(told).toBe(1);
    await full.unmap(0, 1024);
    await full.pool.world.run(full.pool.world.clock.nowMs() + 10_000);
    const types = full.pool.pool.events(0, 1000).map(({ type }) => type);
    expect(types.filter((type) => type.startsWith('space-'))).toEqual([
      'space-low',
      'space-enough',
    ]);
  });
});
