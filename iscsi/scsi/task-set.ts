/**
 * The task set of one logical unit, shared by all nexuses (TST is 000b), with the rules of the task
 * attributes [SAM-5]: HEAD OF QUEUE runs at once; ORDERED runs when everything older has ended;
 * SIMPLE runs when everything older that is ORDERED, and every HEAD OF QUEUE, has ended. The number
 * of commands is bounded: beyond it the answer is TASK SET FULL.
 */
import { CommandState, type Command } from './command.ts';
import { TaskAttribute } from './task.ts';

export class TaskSet {
  readonly #limit: number;
  readonly #start: (command: Command) => void;
  /** Dormant commands in the order in which they came. */
  readonly #dormant: Command[] = [];
  #active = 0;
  #activeOrdered = 0;
  #activeHeadOfQueue = 0;
  #held = false;

  constructor(options: { limit: number; start: (command: Command) => void }) {
    this.#limit = options.limit;
    this.#start = options.start;
  }

  get full(): boolean {
    return this.#active + this.#dormant.length >= this.#limit;
  }

  /** Starts the command now, or later when its attribute allows. */
  enter(command: Command): void {
    const { attribute } = command.task;
    const now =
      attribute === TaskAttribute.headOfQueue ||
      (this.#dormant.length === 0 && this.#mayStart(command));
    if (now) this.#enable(command);
    else this.#dormant.push(command);
  }

  leave(command: Command): void {
    if (command.state === CommandState.dormant) {
      this.#dormant.splice(this.#dormant.indexOf(command), 1);
    } else {
      this.#active -= 1;
      if (command.task.attribute === TaskAttribute.ordered) this.#activeOrdered -= 1;
      if (command.task.attribute === TaskAttribute.headOfQueue) this.#activeHeadOfQueue -= 1;
    }
    command.state = CommandState.ended;
  }

  /** After a command has left: starts what may start now. */
  startBlocked(): void {
    if (this.#held) return;
    this.#held = true;
    for (let next = this.#dormant[0]; next !== undefined; next = this.#dormant[0]) {
      if (!this.#mayStart(next)) break;
      this.#dormant.shift();
      this.#enable(next);
    }
    this.#held = false;
  }

  /** Nothing dormant starts during `action`: what is about to be aborted does not run before. */
  whileHeld(action: () => void): void {
    const outermost = !this.#held;
    this.#held = true;
    action();
    if (!outermost) return;
    this.#held = false;
    this.startBlocked();
  }

  #mayStart(command: Command): boolean {
    if (command.task.attribute === TaskAttribute.ordered) return this.#active === 0;
    return this.#activeOrdered === 0 && this.#activeHeadOfQueue === 0;
  }

  #enable(command: Command): void {
    this.#active += 1;
    if (command.task.attribute === TaskAttribute.ordered) this.#activeOrdered += 1;
    if (command.task.attribute === TaskAttribute.headOfQueue) this.#activeHeadOfQueue += 1;
    command.state = CommandState.enabled;
    this.#start(command);
  }
}
