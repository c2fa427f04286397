import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RealDisk } from '../../src/io/real-disk.ts';
import { healthy } from '../sim/settings.ts';
import { SimWorld } from '../sim/sim-world.ts';
import { diskSuite } from './disk-suite.ts';

const scratch = (): Promise<string> => mkdtemp(join(tmpdir(), 'scale-disk-'));

diskSuite('a folder of this machine', async () => {
  const path = await scratch();
  const disk = new RealDisk(join(path, 'made'));
  const other = new RealDisk(join(path, 'made'));
  return {
    disk,
    other,
    end: async () => {
      await disk.unlock();
      await other.unlock();
      await rm(path, { recursive: true });
    },
  };
});

diskSuite('the simulated one, with short transfers', () => {
  const short = { ...healthy.disk, shortReadRate: 0.5, shortWriteRate: 0.5 };
  const world = new SimWorld(1, { ...healthy, disk: short });
  return Promise.resolve({ disk: world.disk('a'), other: world.disk('a'), end: world.pump() });
});

describe('the lock of a real directory', () => {
  const holder = fileURLToPath(new URL('./lock-holder.ts', import.meta.url));

  test('is held against another process and dropped by the kernel when that is killed', async () => {
    const path = await scratch();
    const child = spawn(process.execPath, [holder, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      await expect(new RealDisk(path).lock()).rejects.toMatchObject({ code: 'locked' });
      child.kill('SIGKILL');
      await once(child, 'exit');
      const disk = new RealDisk(path);
      await disk.lock();
      await disk.unlock();
    } finally {
      child.kill('SIGKILL');
      await rm(path, { recursive: true });
    }
  });

  test('is the same one under another name of the directory', async () => {
    const path = await scratch();
    await symlink(path, `${path}-alias`);
    const disk = new RealDisk(path);
    await disk.lock();
    await expect(new RealDisk(`${path}-alias`).lock()).rejects.toMatchObject({ code: 'locked' });
    await disk.unlock();
    await rm(`${path}-alias`);
    await rm(path, { recursive: true });
  });

  test('needs a directory that exists', async () => {
    const disk = new RealDisk(join(tmpdir(), 'scale-there-is-no-such-directory'));
    await expect(disk.lock()).rejects.toMatchObject({ code: 'missing' });
  });
});
