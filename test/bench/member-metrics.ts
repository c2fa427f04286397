/** What a member says of itself in `/metrics`, as far as the comparison needs it. */
import { sleep } from '../peers/command.ts';
import { loopDelaysOf, type LoopDelays } from './loop-delay.ts';

/** By name with labels. */
export type Samples = ReadonlyMap<string, number>;

export interface MemberMetrics {
  /** What hosts wrote since it started. */
  readonly writtenBytes: number;
  readonly journalCapacityBytes: number;
  readonly checkpoints: number;
  readonly loopDelays: LoopDelays;
  /** What --memory says. */
  readonly memoryBytes: number;
  /** At most since the start of the process. */
  readonly residentBytes: number;
}

export async function memberMetrics(apiUrl: string): Promise<MemberMetrics> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (!line.startsWith('#') && at > 0) samples.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  const of = (name: string): number => {
    const value = samples.get(name);
    if (value === undefined) throw new Error(`/metrics has no ${name}`);
    return value;
  };
  return {
    writtenBytes: writtenBytesOf(samples),
    journalCapacityBytes: of('scale_pool_counter_journal_capacity_bytes'),
    checkpoints: of('scale_pool_counter_checkpoints'),
    loopDelays: loopDelaysOf(samples),
    memoryBytes: of('scale_memory_setting_bytes'),
    residentBytes: of('scale_process_resident_max_bytes'),
  };
}

function writtenBytesOf(samples: Samples): number {
  const ofVolumes = [...samples].filter(
    ([name]) =>
      name.startsWith('scale_volume_moved_bytes_total{') && name.includes('operation="write"'),
  );
  if (ofVolumes.length === 0) throw new Error('/metrics does not say what volumes wrote');
  return ofVolumes.reduce((sum, [, value]) => sum + value, 0);
}

const LOOK_EVERY_MS = 250;
const JOURNALS = 2;
const CHECKPOINTS = 2;

/**
 * Waits until as much as twice the journal was written and two checkpoints have gone by since `before`, or so long; true:
 * they have. Duplicates, and what goes straight to segments, count as what journals all: all of it is steady by then.
 */
export async function steadySince(
  apiUrl: string,
  before: MemberMetrics,
  limitMs: number,
): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const { writtenBytes, checkpoints } = await memberMetrics(apiUrl);
    const isSteady =
      writtenBytes - before.writtenBytes >= JOURNALS * before.journalCapacityBytes &&
      checkpoints - before.checkpoints >= CHECKPOINTS;
    if (isSteady) return true;
    if (performance.now() >= endMs) return false;
    await sleep(LOOK_EVERY_MS);
  }
}
