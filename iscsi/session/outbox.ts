/**
 * What one connection has to send. Answers to pings, task management and the like go ahead of SCSI
 * data; PDUs are made only when the socket takes them, so a slow reader holds up work, not memory.
 * StatSN is given in the order of sending [RFC 7143 §4.2.2.2].
 */
import { add32 } from '../../src/base/serial.ts';
import type { Numbering } from '../pdu/basic-header.ts';
import type { OutputBatch } from './output-batch.ts';

/** A PDU that is ready but for its numbers. */
export interface Answer {
  /** Whether it consumes a StatSN. */
  readonly takesStatSN: boolean;
  /** Data segment, at most MAX_ANSWER_BYTES; not changed until it is sent. */
  readonly data: Uint8Array;
  encode(numbering: Numbering, into: Uint8Array, at: number): void;
  /** It is in the batch: nothing follows that was queued after it in the same lane. */
  sent?(): void;
}

/** A command's Data-In and status, sent piece by piece. */
export interface CommandOutput {
  /** Puts PDUs into the batch until it is full or all is there; true: all. */
  emit(batch: OutputBatch, numbers: Numbers): boolean;
}

/** The command window as it is when a PDU is made. */
export interface WindowNumbers {
  readonly expCmdSN: number;
  readonly maxCmdSN: number;
}

/** Numbers for the next PDU: one object, valid only until the next call. */
export class Numbers implements Numbering {
  statSN: number;
  expCmdSN = 0;
  maxCmdSN = 0;
  #next: number;

  constructor(firstStatSN: number) {
    this.#next = firstStatSN;
    this.statSN = firstStatSN;
  }

  take(window: WindowNumbers, takesStatSN: boolean): this {
    this.statSN = this.#next;
    if (takesStatSN) this.#next = add32(this.#next, 1);
    this.expCmdSN = window.expCmdSN;
    this.maxCmdSN = window.maxCmdSN;
    return this;
  }
}

/** First in, first out, without moving what waits at each step. */
class Lane<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): void {
    this.#head++;
    if (this.#head === this.#items.length) this.clear();
    else if (this.#head > 1024) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  remove(item: T): void {
    const index = this.#items.indexOf(item, this.#head);
    if (index >= 0) this.#items.splice(index, 1);
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}

export class Outbox {
  readonly #answers = new Lane<Answer>();
  readonly #commands = new Lane<CommandOutput>();
  readonly #numbers: Numbers;
  readonly #window: () => WindowNumbers;
  readonly #ready: () => void;

  /** `ready` is called when something is there that wasn't before. */
  constructor(firstStatSN: number, window: () => WindowNumbers, ready: () => void) {
    this.#numbers = new Numbers(firstStatSN);
    this.#window = window;
    this.#ready = ready;
  }

  get isEmpty(): boolean {
    return this.#answers.length === 0 && this.#commands.length === 0;
  }

  get waitingAnswers(): number {
    return this.#answers.length;
  }

  answer(answer: Answer): void {
    this.#answers.push(answer);
    this.#ready();
  }

  command(output: CommandOutput): void {
    this.#commands.push(output);
    this.#ready();
  }

  /** It was aborted: nothing more of it is sent. */
  withdraw(output: CommandOutput): void {
    this.#commands.remove(output);
  }

  /** The session is over: what SCSI had to say interests nobody any more. */
  withdrawCommands(): void {
    this.#commands.clear();
  }

  fill(batch: OutputBatch): void {
    for (;;) {
      if (batch.isFull) return;
      const answer = this.#answers.peek();
      if (answer !== undefined) {
        if (answer.data.length > batch.dataRoom) return;
        this.#answers.shift();
        this.#emit(answer, batch);
        continue;
      }
      const command = this.#commands.peek();
      if (command === undefined) return;
      if (!command.emit(batch, this.#numbers)) return;
      // Its end may have ended the session, and with that emptied the lane.
      if (this.#commands.peek() === command) this.#commands.shift();
    }
  }

  #emit(answer: Answer, batch: OutputBatch): void {
    const { data } = answer;
    const at = batch.openPdu(data.length);
    answer.encode(this.#numbers.take(this.#window(), answer.takesStatSN), batch.buffer, at);
    batch.closeHeader(at);
    if (data.length > 0) {
      batch.data(data);
      batch.closeData(data.length);
    }
    answer.sent?.();
  }
}
