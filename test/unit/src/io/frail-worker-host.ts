/** A process that has a worker, makes the calls of its arguments, each when the one before was answered, and catches nothing.
 * (What a thread that dies has answered just before may come after the word of its death.) */
import { WorkerCalls } from '../../../../src/io/worker-calls.ts';

const calls = new WorkerCalls<string, string>(new URL('./frail-worker.ts', import.meta.url), {
  faultOf: (reason) => new Error(`the thread has died: ${reason}`),
});
let before = Promise.resolve();
for (const request of process.argv.slice(2)) {
  before = before
    .then(() => calls.call(request))
    .then((value) => {
      process.stdout.write(`${value}\n`);
    });
}
