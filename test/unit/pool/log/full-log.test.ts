import { healthy } from '../../../sim/settings.ts';
import { KIB, MIB, PoolInWorld, calmWorld } from '../pool-in-world.ts';

const WRITE_BYTES = 64 * KIB;

/** Counts the commits from now on. */
function commitsOf({ ports: { meta } }: PoolInWorld): { count: number } {
  const commits = { count: 0 };
  const commit = meta.commit.bind(meta);
  meta.commit = (batch) => {
    commits.count += 1;
    return commit(batch);
  };
  return commits;
}

test('writes that wait for room in the log ask for no checkpoints that trim nothing', async () => {
  const world = calmWorld();
  const pool = await PoolInWorld.open(world, { journalBytes: MIB });
  await pool.create('v');
  // Segments take seconds to be opened and synced, commits milliseconds.
  const slow = { openMs: [2000, 2000], syncMs: [2000, 2000], slowRate: 0 } as const;
  world.settings = { ...healthy, disk: { ...healthy.disk, ...slow } };
  const commits = commitsOf(pool);
  const writes = Array.from({ length: 48 }, (_, index) =>
    pool.startWrite('v', index * WRITE_BYTES, new Uint8Array(WRITE_BYTES).fill(index + 1)),
  );
  const outcomes = await world.until(Promise.all(writes));
  expect(outcomes.every((error) => error === null)).toBe(true);
  expect(commits.count).toBeGreaterThan(0);
  expect(commits.count).toBeLessThan(48);
});
