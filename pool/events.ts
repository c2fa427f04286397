/** What happened in the pool, for people: the newest are kept in memory, all go to the log. */
import { isoTime } from '../src/base/iso-time.ts';
import type { Clock, Logger } from '../src/base/ports.ts';
import type { PoolEvent } from './types.ts';

const KEPT = 1000;

export class Events {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #events: PoolEvent[] = [];
  #seq = 0;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  add(
    severity: PoolEvent['severity'],
    type: string,
    message: string,
    facts: Readonly<Record<string, unknown>> = {},
  ): void {
    this.#seq += 1;
    const time = isoTime(this.#clock.wallMs());
    this.#events.push({ ...facts, seq: this.#seq, time, severity, type, message });
    if (this.#events.length > KEPT) this.#events.shift();
    const entry = { event: type, ...facts };
    if (severity === 'info') this.#log.info(entry, message);
    else if (severity === 'warning') this.#log.warn(entry, message);
    else this.#log.error(entry, message);
  }

  since(seq: number, limit: number): readonly PoolEvent[] {
    return this.#events.filter((event) => event.seq > seq).slice(0, limit);
  }
}
