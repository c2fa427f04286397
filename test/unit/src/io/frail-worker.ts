/** A worker that answers with what it got, and ends in the way that it is told. */
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', (request: string) => {
  if (request === 'exit') process.exit(0);
  if (request === 'throw') throw new Error('as it was told');
  if (request === 'hold') return;
  parentPort?.postMessage(request === 'fail' ? { failure: 'no' } : { value: request });
});
