/** Which task management function is fired next, and what its response may say [RFC 7143 §11.6.1]. */
import type { SeededRandom } from '../initiator/random.ts';

const Response = {
  complete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  reassignmentNotSupported: 4,
  notSupported: 5,
} as const;

export type Aim =
  /** One command of the own session that is under way. */
  | 'own-task'
  /** A tag that no command has. */
  | 'no-task'
  /** A command that was numbered and never is sent. */
  | 'task-to-come'
  /** All that the own session has on the LUN. */
  | 'lun'
  /** A LUN that is none. */
  | 'no-lun';

export interface StormFunction {
  readonly name: string;
  /** RFC 7143 §11.5.1. */
  readonly code: number;
  readonly aim: Aim;
  /** What the response may say. */
  readonly allowed: readonly number[];
  /** How often, of all. */
  readonly weight: number;
}

const { complete, taskDoesNotExist, lunDoesNotExist } = Response;
const either = [complete, taskDoesNotExist];

export const abortTask: StormFunction = {
  name: 'ABORT TASK',
  code: 1,
  aim: 'own-task',
  allowed: either,
  weight: 480,
};

/** Of a command that should have been answered long ago: the target must not have it any more. */
export const abortForgotten: StormFunction = {
  ...abortTask,
  name: 'ABORT TASK after the timeout',
  allowed: [taskDoesNotExist],
};

export const stormFunctions: readonly StormFunction[] = [
  abortTask,
  { name: 'ABORT TASK, none', code: 1, aim: 'no-task', allowed: [taskDoesNotExist], weight: 40 },
  { name: 'ABORT TASK, to come', code: 1, aim: 'task-to-come', allowed: [complete], weight: 60 },
  { name: 'ABORT TASK SET', code: 2, aim: 'lun', allowed: [complete], weight: 150 },
  { name: 'CLEAR TASK SET', code: 4, aim: 'lun', allowed: [complete], weight: 90 },
  { name: 'LOGICAL UNIT RESET', code: 5, aim: 'lun', allowed: [complete], weight: 100 },
  { name: 'LU RESET, no LUN', code: 5, aim: 'no-lun', allowed: [lunDoesNotExist], weight: 20 },
  { name: 'TARGET WARM RESET', code: 6, aim: 'lun', allowed: [complete], weight: 30 },
  { name: 'TARGET COLD RESET', code: 7, aim: 'lun', allowed: [complete], weight: 4 },
  { name: 'CLEAR ACA', code: 3, aim: 'no-task', allowed: [Response.notSupported], weight: 13 },
  {
    name: 'TASK REASSIGN',
    code: 8,
    aim: 'no-task',
    allowed: [Response.reassignmentNotSupported],
    weight: 13,
  },
];

const total = stormFunctions.reduce((sum, { weight }) => sum + weight, 0);

export function drawFunction(random: SeededRandom): StormFunction {
  let at = random.below(total);
  for (const candidate of stormFunctions) {
    if (at < candidate.weight) return candidate;
    at -= candidate.weight;
  }
  throw new Error('the weights add up to their sum');
}
