import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunDelay } from '../../../../src/io/run-delay.ts';

test('the second number is the run delay, read anew each time', () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-delay-'));
  const path = join(folder, 'schedstat');
  try {
    writeFileSync(path, '532158 1635322 3\n');
    const delay = new RunDelay(path);
    expect(delay.totalMs()).toBe(1.635322);
    writeFileSync(path, '99532158 2000000 44\n');
    expect(delay.totalMs()).toBe(2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('where the system does not say, nothing was waited', () => {
  expect(new RunDelay('/nonexistent/schedstat').totalMs()).toBe(0);
});

test('on this system it never goes back', () => {
  const delay = new RunDelay();
  const before = delay.totalMs();
  expect(before).toBeGreaterThanOrEqual(0);
  expect(delay.totalMs()).toBeGreaterThanOrEqual(before);
});
