/**
 * A thread beside the fuzzed one: says which case hangs, and ends the process. `workerData` is shared
 * memory: 0 the number of cases begun, 1 the surface, 2 the seed of the case under way.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { surfaces } from './surfaces.ts';

const LIMIT_MS = 20_000;
const shared = new Uint32Array(workerData as SharedArrayBuffer);
let seen = -1;

setInterval(() => {
  if (shared[0] !== seen) {
    seen = shared[0] ?? 0;
    return;
  }
  const name = surfaces[shared[1] ?? 0]?.name ?? '';
  const replay = `npx node test/fuzz/main.ts --surface ${name} --seed ${shared[2] ?? 0} --cases 1`;
  writeSync(1, `${name} hangs; replay it with: ${replay}\n`);
  process.kill(process.pid, 'SIGKILL');
}, LIMIT_MS);
