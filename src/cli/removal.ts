/** Deletions: `--wait` waits until the space is free, and shows how that goes. */
import { formatSize } from '../base/units.ts';
import type { ApiClient } from './client.ts';
import { waitFor } from './progress.ts';

interface Reclaiming {
  readonly freeBytes: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** `path` has a query. Resolves when it is deleted; with `wait`, when its space is free. */
export async function remove(client: ApiClient, path: string, wait: boolean): Promise<void> {
  const deletion = client.send('DELETE', `${path}&wait=${String(wait)}`);
  if (wait && process.stderr.isTTY) await showReclaim(client, deletion);
  await deletion;
}

async function showReclaim(client: ApiClient, deletion: Promise<unknown>): Promise<void> {
  const over = deletion.then(
    () => null,
    () => null,
  );
  const look = (): Promise<Reclaiming | null> =>
    Promise.race([over, client.get<Reclaiming>('/pool')]);
  const before = (await look())?.counters['releasedBytes'] ?? 0;
  await waitFor(look, (pool) => {
    if (pool === null) return null;
    const { dropsWaiting = 0, pagesWaiting = 0, releasedBytes = 0 } = pool.counters;
    const note = `${dropsWaiting + pagesWaiting} steps queued, ${formatSize(pool.freeBytes)} free`;
    return { label: 'giving back', done: releasedBytes - before, total: 0, rate: null, note };
  });
}
