/** Builds and runs `load.c`, pinned to the first two cores. Needs a C compiler and libiscsi-dev. */
import { spawn } from 'node:child_process';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '../peers/command.ts';

const CACHE = join(import.meta.dirname, '..', '..', '.cache', 'bench');
export const LOAD = join(CACHE, 'load');

/** Compiles it where the source is newer than what was compiled. */
export async function buildLoad(): Promise<void> {
  const source = join(import.meta.dirname, 'load.c');
  const sources = [source, join(import.meta.dirname, 'latency.h')];
  const changedMs = Math.max(...(await Promise.all(sources.map(modifiedMs))));
  const builtMs = await modifiedMs(LOAD).catch(() => -1);
  if (builtMs > changedMs) return;
  await mkdir(CACHE, { recursive: true });
  const args = ['-O2', '-Wall', '-Wextra', '-o', LOAD, source, '-liscsi', '-lm'];
  await mustRun('cc', args, { timeoutMs: 60_000 });
}

const modifiedMs = async (path: string): Promise<number> => (await stat(path)).mtimeMs;

export interface LoadResult {
  readonly operations: number;
  readonly seconds: number;
  readonly opsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly latencyUs: {
    readonly mean: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
}

/** Server and client share the first two cores, however many the machine has. */
export const pinned = ['taskset', '-c', '0,1'] as const;

/** A run under way. */
export interface Load {
  /** The result, or why there is none. */
  readonly ended: Promise<LoadResult>;
  /** Ends it as if its time were over. */
  finish(): void;
}

export function startLoad(urls: readonly string[], args: readonly string[]): Load {
  const named = urls.flatMap((url) => ['--url', url]);
  const [program, ...words] = [...pinned, LOAD, ...named, ...args];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, fault] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (fault += text.toString()));
  const ended = new Promise<LoadResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(out) as LoadResult);
      else reject(new Error(`load ${words.join(' ')} ended with ${String(code)}: ${fault}`));
    });
  });
  return {
    ended,
    finish: () => {
      child.kill('SIGINT');
    },
  };
}
