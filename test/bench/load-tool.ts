/** Builds and runs `load.c`. Needs a C compiler and libiscsi-dev. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '../peers/command.ts';

const CACHE = join(import.meta.dirname, '..', '..', '.cache', 'bench');
export const LOAD = join(CACHE, 'load');

/** Compiles it where the source is newer than what was compiled. */
export async function buildLoad(): Promise<void> {
  const source = join(import.meta.dirname, 'load.c');
  const [from, to] = [await stat(source), await stat(LOAD).catch(() => null)];
  if (to !== null && to.mtimeMs > from.mtimeMs) return;
  await mkdir(CACHE, { recursive: true });
  const args = ['-O2', '-Wall', '-Wextra', '-o', LOAD, source, '-liscsi', '-lm'];
  await mustRun('cc', args, { timeoutMs: 60_000 });
}
