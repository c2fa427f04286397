/** `scale check`: recovers a pool without changing it, counts everything again, reads every byte. */
import { present } from '../../src/base/assert.ts';
import { ChunkState } from '../chunk/chunk-page.ts';
import type { PoolCore } from '../core.ts';
import { readChunkBytes } from '../dedup/read-chunk-bytes.ts';
import { isNamed, recover } from '../open-pool.ts';
import type { PoolOptions, PoolPorts } from '../options.ts';
import { Recounter } from './recount.ts';
import type { CountedChunk } from './recount.ts';

export interface CheckReport {
  readonly volumes: number;
  readonly chunks: number;
  readonly mappedChunks: number;
  readonly segments: number;
  /** Segment files that nothing names: the next start removes them. */
  readonly strayFiles: number;
  /** Points in time that nobody let go of: the next start removes them. */
  readonly pointsInTime: number;
  /** Frames of the journal behind the newest checkpoint. */
  readonly frames: number;
  readonly unreadableChunks: number;
  readonly problems: readonly string[];
}

/** Throws PoolError when there is no pool, or none that could be served. */
export async function checkPool(
  ports: PoolPorts,
  options: PoolOptions,
  onProgress: (chunks: number) => void = () => undefined,
): Promise<CheckReport> {
  const { core, volumes, pageRelease, replayed } = await recover(ports, options, 'check');
  // Before drops let go of what a start would still look for.
  const strayFiles = await countStrayFiles(core);
  await new Promise<void>((resolve) => {
    pageRelease.run(resolve);
  });
  await new Promise<void>((resolve) => {
    core.releases.flush(resolve);
  });
  const unreadable: number[] = [];
  let seen = 0;
  const verify = async (chunk: CountedChunk): Promise<void> => {
    if (!(await readsBack(core, chunk))) unreadable.push(chunk.id);
    seen += 1;
    if (seen % 1024 === 0) onProgress(seen);
  };
  const recount = await new Recounter(core, volumes, ports.meta).run(verify);
  await core.store.close();
  await core.journal.close();
  const problems = [...recount.problems];
  if (unreadable.length > 0) {
    problems.push(
      `${unreadable.length} chunks can't be read back, the first is ${present(unreadable[0], 'first')}`,
    );
  }
  return {
    volumes: volumes.all().length,
    chunks: recount.chunks,
    mappedChunks: recount.mappedChunks,
    segments: core.segments.size,
    strayFiles,
    pointsInTime: volumes.families.pointsInTime().length,
    frames: replayed.frames,
    unreadableChunks: unreadable.length,
    problems,
  };
}

async function countStrayFiles(core: PoolCore): Promise<number> {
  let count = 0;
  for (const disk of core.store.disks.keys()) {
    for (const number of await core.store.list(disk)) {
      if (!isNamed(core, disk, number)) count += 1;
    }
  }
  return count;
}

/** Whether the bytes of a live chunk are what was written. */
function readsBack(core: PoolCore, { id, page, log2 }: CountedChunk): Promise<boolean> {
  if (core.chunks.stateOf(page, id) !== ChunkState.live) return Promise.resolve(false);
  return new Promise((resolve) => {
    const done = (bytes: Uint8Array | null): void => {
      resolve(bytes !== null);
    };
    readChunkBytes(core, [{ page, id, log2, done }]);
  });
}
