// Looked up once: under jest every look at a global costs more than what is done with it.
const { imul, round } = Math;

/** What happened in a run, as a hash that two runs of one seed must share, and as text when asked. */
export class Trace {
  readonly #write: ((line: string) => void) | null;
  #low = 0x811c9dc5;
  #high = 0x1b873593;
  #events = 0;

  /** `write` gets every line; without it only the hash is kept. */
  constructor(write: ((line: string) => void) | null = null) {
    this.#write = write;
  }

  get events(): number {
    return this.#events;
  }

  /** For facts that cost something to put together. */
  get isWritten(): boolean {
    return this.#write !== null;
  }

  add(timeMs: number, what: string, ...facts: readonly (string | number)[]): void {
    this.#events += 1;
    this.#mix(round(timeMs * 1000));
    this.#mixText(what);
    for (const fact of facts) {
      if (typeof fact === 'number') this.#mix(fact);
      else this.#mixText(fact);
    }
    this.#write?.(`${timeMs.toFixed(3).padStart(11)} ${what} ${facts.join(' ')}`);
  }

  hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }

  #mix(number: number): void {
    this.#low = imul(this.#low ^ number, 0x01000193);
    this.#high = imul(this.#high ^ (number / 2 ** 16), 0x85ebca6b) ^ (this.#low >>> 13);
  }

  #mixText(text: string): void {
    for (let index = 0; index < text.length; index++) this.#mix(text.charCodeAt(index));
  }
}
