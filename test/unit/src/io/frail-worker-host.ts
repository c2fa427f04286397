/** A process that has a worker, makes the calls of its arguments, and catches nothing. */
import { WorkerCalls } from '../../../../src/io/worker-calls.ts';

const calls = new WorkerCalls<string, string>(new URL('./frail-worker.ts', import.meta.url), {
  faultOf: (reason) => new Error(`the thread has died: ${reason}`),
});
for (const request of process.argv.slice(2)) {
  void calls.call(request).then((value) => {
    process.stdout.write(`${value}\n`);
  });
}
