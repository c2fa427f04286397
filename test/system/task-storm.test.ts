/** A short storm of task management functions at a member; `make e2e` has the long one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { servedStorm } from '../storm/served-storm.ts';

test('400 task management functions under load from four sessions: no wedge, no leak, no lost write', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'scale-storm-'));
  const dataDirectory = join(folder, 'data');
  const { wrong, counts } = await servedStorm({ dataDirectory, seed: 1, functions: 400 });
  await rm(folder, { recursive: true });
  expect(wrong).toEqual([]);
  expect(counts.get('commands good')).toBeGreaterThan(100);
}, 120_000);
