/** The worker thread of `control-sqlite.ts`: one call after the other, in the order they came. */
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { ControlError } from '../base/control-state.ts';
import { ControlDatabase } from './control-database.ts';
import type {
  ControlCall,
  ControlFailure,
  ControlResult,
  ControlWorkerOptions,
} from './control-protocol.ts';
import type { Answer } from './worker-calls.ts';

const port = present(parentPort, 'runs as a worker');
const options = workerData as ControlWorkerOptions;
let database: ControlDatabase | null = null;

function answer(call: ControlCall): ControlResult {
  // Opened by the first call, so that a fault of opening is that call's answer.
  database ??= new ControlDatabase(options.path);
  switch (call.op) {
    case 'get':
      return database.get(call.key);
    case 'list':
      return database.list(call.prefix);
    case 'commit':
      return database.commit(call);
    case 'close':
      database.close();
      database = null;
      return null;
  }
}

port.on('message', (call: ControlCall) => {
  let reply: Answer<ControlResult, ControlFailure>;
  try {
    reply = { value: answer(call) };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    reply = { failure: { code: error.code, message: error.message } };
  }
  port.postMessage(reply);
});
