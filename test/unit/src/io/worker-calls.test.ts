import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { WorkerCalls } from '../../../../src/io/worker-calls.ts';
import { workerFile } from '../../../../src/io/worker-file.ts';

const started = (): WorkerCalls<string, string, string> =>
  new WorkerCalls(workerFile(import.meta.url, './frail-worker'), {
    faultOf: (reason) => new Error(`fault: ${reason}`),
  });

function hostOf(...requests: string[]): { status: number | null; stdout: string; stderr: string } {
  const host = join(import.meta.dirname, 'frail-worker-host.ts');
  return spawnSync(process.execPath, [host, ...requests], { encoding: 'utf8', timeout: 60_000 });
}

describe('calls to a worker thread', () => {
  test('are answered in their order, with a value or a failure', async () => {
    const calls = started();
    const answers = await Promise.allSettled(['one', 'fail', 'two'].map((it) => calls.call(it)));
    expect(answers).toEqual([
      { status: 'fulfilled', value: 'one' },
      { status: 'rejected', reason: new Error('fault: no') },
      { status: 'fulfilled', value: 'two' },
    ]);
    await calls.end();
  });

  test.each([
    ['exits', 'exit', 'fault: its worker has ended'],
    ['throws', 'throw', 'fault: Error: as it was told'],
  ])('are rejected, under way and later, when it %s', async (_, how, message) => {
    const calls = started();
    const held = calls.call('hold');
    const [first, second] = await Promise.allSettled([held, calls.call(how)]);
    expect([first, second]).toEqual([
      { status: 'rejected', reason: new Error(message) },
      { status: 'rejected', reason: new Error(message) },
    ]);
    await expect(calls.call('one')).rejects.toThrow(message);
  });

  test('are rejected when it is told to end', async () => {
    const calls = started();
    const held = expect(calls.call('hold')).rejects.toThrow('fault: its worker has ended');
    await calls.end();
    await held;
  });

  test.each(['exit', 'throw'])('end a process that catches nothing [%s]', (how) => {
    const { status, stdout, stderr } = hostOf('one', how);
    expect(stdout).toBe('one\n');
    expect(stderr).toContain('the thread has died: ');
    expect(status).not.toBe(0);
    expect(status).not.toBeNull();
  });

  test('let the process end in order once all are answered', () => {
    expect(hostOf('one', 'two')).toMatchObject({ status: 0, stdout: 'one\ntwo\n', stderr: '' });
  });
});
