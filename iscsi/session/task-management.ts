/**
 * Task management [RFC 7143 §4.2.3, §11.5, §11.6]. The response leaves only when the tasks concerned
 * can do nothing more; of those, nothing is sent any more, not even a status that was ready.
 *
 * Data-Out that the initiator still owes to an aborted task is not waited for, as §4.2.3.3 has it for
 * functions over many tasks: initiators end it when they ask for the function. It is dropped when it comes,
 * and can touch nothing.
 */
import type { IncomingPdu } from '../pdu/pdu-receiver.ts';
import {
  decodeTaskManagementRequest,
  TaskManagementFunction,
  type TaskManagementRequest,
} from '../pdu/task-management-request.ts';
import {
  encodeTaskManagementResponse,
  TaskManagementResponseCode as Code,
} from '../pdu/task-management-response.ts';
import type { TaskManagementOutcome } from '../scsi/task.ts';
import { less32 } from '../../src/base/serial.ts';
import type { Session } from './session.ts';
import type { SessionTask } from './session-task.ts';

const EMPTY = new Uint8Array(0);

const codeOf: Record<TaskManagementOutcome, number> = {
  complete: Code.functionComplete,
  'task-does-not-exist': Code.taskDoesNotExist,
  'lun-does-not-exist': Code.lunDoesNotExist,
  'not-supported': Code.taskManagementFunctionNotSupported,
  rejected: Code.functionRejected,
};

type Done = (outcome: TaskManagementOutcome) => void;

export class TaskManagement {
  readonly #session: Session;
  readonly #coldReset: () => void;

  /** `coldReset` drops every session of the target; called once the response is on its way. */
  constructor(session: Session, coldReset: () => void) {
    this.#session = session;
    this.#coldReset = coldReset;
  }

  request(pdu: IncomingPdu): void {
    const request = decodeTaskManagementRequest(pdu.header, pdu.at);
    this.#session.window.inOrder(request, () => {
      this.#run(request);
    });
  }

  #run(request: TaskManagementRequest): void {
    const { device, nexus } = this.#session;
    const { lun } = request;
    switch (request.function) {
      case TaskManagementFunction.abortTask:
        this.#abortTask(request);
        return;
      case TaskManagementFunction.abortTaskSet:
        this.#many(request, lun, (done) => device.abortTaskSet(nexus, lun, done));
        return;
      case TaskManagementFunction.clearTaskSet:
        this.#many(request, lun, (done) => device.clearTaskSet(nexus, lun, done));
        return;
      case TaskManagementFunction.logicalUnitReset:
        this.#many(request, lun, (done) => device.logicalUnitReset(nexus, lun, done));
        return;
      case TaskManagementFunction.targetWarmReset:
      case TaskManagementFunction.targetColdReset:
        this.#many(request, null, (done) => device.targetReset(nexus, done));
        return;
      case TaskManagementFunction.taskReassign:
        this.#respond(request, Code.taskAllegianceReassignmentNotSupported);
        return;
      default:
        // CLEAR ACA too: NormACA is 0, so there is never an ACA to clear.
        this.#respond(request, Code.taskManagementFunctionNotSupported);
    }
  }

  #abortTask(request: TaskManagementRequest): void {
    const session = this.#session;
    const task = session.tasks.get(request.referencedTaskTag);
    if (task === undefined || !sameLun(task.lun, request.lun)) {
      this.#abortUnknown(request, task);
      return;
    }
    if (task.state !== 'submitted') {
      session.cancel(task);
      this.#respond(request, Code.functionComplete);
      return;
    }
    session.device.abortTask(session.nexus, task.lun, task.tag, (outcome) => {
      // It ended by itself meanwhile, but its status hasn't left: then it never does.
      const withdrawn = task.state === 'responding';
      if (withdrawn) session.cancel(task);
      this.#respond(request, withdrawn ? Code.functionComplete : codeOf[outcome]);
    });
  }

  /** §11.6.1: a command that is yet to come counts as received, and never comes. */
  #abortUnknown(request: TaskManagementRequest, other: SessionTask | undefined): void {
    const { window } = this.#session;
    const { refCmdSN, cmdSN } = request;
    const yetToCome = other === undefined && window.contains(refCmdSN) && less32(refCmdSN, cmdSN);
    if (yetToCome) window.plug(refCmdSN);
    this.#respond(request, yetToCome ? Code.functionComplete : Code.taskDoesNotExist);
  }

  /** A function over all tasks of a LUN; null: of all LUNs. */
  #many(request: TaskManagementRequest, lun: Uint8Array | null, run: (done: Done) => void): void {
    const { arrivals } = this.#session;
    this.#silence(request, lun, arrivals);
    run((outcome) => {
      this.#silence(request, lun, arrivals);
      this.#respond(request, codeOf[outcome]);
    });
  }

  /** Ends what arrived up to then, or is held up by a CmdSN before the function's, and isn't with the device
   * server. */
  #silence({ cmdSN }: TaskManagementRequest, lun: Uint8Array | null, upTo: number): void {
    for (const task of [...this.#session.tasks.values()]) {
      const isHeld = task.order === 0;
      const before = isHeld ? less32(task.cmdSN, cmdSN) : task.order <= upTo;
      const concerned = before && (lun === null || sameLun(task.lun, lun));
      if (concerned && task.state !== 'submitted') this.#session.cancel(task);
    }
  }

  #respond({ itt, function: code }: TaskManagementRequest, response: number): void {
    const cold =
      code === TaskManagementFunction.targetColdReset && response === Code.functionComplete;
    this.#session.outbox.answer({
      takesStatSN: true,
      data: EMPTY,
      encode: (numbering, into, at) => {
        encodeTaskManagementResponse({ response, itt }, numbering, into, at);
      },
      ...(cold ? { sent: this.#coldReset } : {}),
    });
  }
}

function sameLun(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < 8; i++) if (a[i] !== b[i]) return false;
  return true;
}
