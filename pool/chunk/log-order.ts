/**
 * Pending chunks in the order of the log. Each has a *ticket*, a small number by which others know it for as long as
 * they like, and a *row* (pending-rows.ts), to which its ticket leads while it is wanted.
 *
 * Tickets are counted round in 30 bits: V8 needs no object for such numbers. They lie in pages; one of which nothing is
 * wanted any more is used again. A chunk that is wanted for long keeps its own page, and of those behind it an
 * element of a list each.
 *
 * Invariants
 * - A ticket that was given back leads nowhere until 2^30 others were given out, which are 4 TiB at the least: who
 *   holds it over a wait finds that its chunk is no longer wanted, and never another chunk, though row and id may be
 *   that one's by then.
 * - All tickets before the cursor are staged or were given back.
 */
import { assert, present } from '../../src/base/assert.ts';

/** The ticket leads nowhere: its chunk is no longer wanted. */
export const NO_ROW = -1;

const PAGE_BITS = 10;
export const TICKETS_PER_PAGE = 2 ** PAGE_BITS;
const IN_PAGE = TICKETS_PER_PAGE - 1;
const TICKET_MASK = 2 ** 30 - 1;
/** From the oldest that is wanted to the newest: half of all. The log is kept for some millions at the most. */
const MOST_TICKETS = 2 ** 29;
const SPARE_PAGES = 64;

interface OrderPage {
  /** By ticket: row + 1 of a chunk that is wanted, negative where it is staged; 0: it leads nowhere. */
  readonly places: Int32Array;
  wanted: number;
}

export class LogOrder {
  /** Tickets are given out of the last. null: nothing is wanted there any more; never the first, nor the last. */
  readonly #pages: (OrderPage | null)[] = [];
  readonly #spare: OrderPage[] = [];
  /** The ticket at the start of the first page. */
  #first: number;
  /** So many were given out from there on. */
  #length = 0;
  /** So many lie before it from there on. */
  #cursor = 0;

  /** `firstTicket`: a multiple of `TICKETS_PER_PAGE`, below 2^30. */
  constructor(firstTicket = 0) {
    this.#first = firstTicket;
  }

  /** Gives the ticket behind all others. */
  add(row: number, isStaged: boolean): number {
    const at = this.#length & IN_PAGE;
    if (at === 0) this.#addPage();
    const page = this.#pages[this.#length >>> PAGE_BITS] as OrderPage;
    page.places[at] = isStaged ? -row - 1 : row + 1;
    page.wanted += 1;
    const ticket = (this.#first + this.#length) & TICKET_MASK;
    this.#length += 1;
    return ticket;
  }

  /** `NO_ROW`: it is no longer wanted. */
  rowOf(ticket: number): number {
    return rowIn(this.#placeOf(ticket));
  }

  isStaged(ticket: number): boolean {
    return this.#placeOf(ticket) < 0;
  }

  /** Gives its row, which is nobody's then; `NO_ROW`: it was given back before. */
  giveBack(ticket: number): number {
    const page = this.#pageOf(ticket);
    if (page === null) return NO_ROW;
    const row = rowIn(page.places[ticket & IN_PAGE] as number);
    if (row === NO_ROW) return NO_ROW;
    page.places[ticket & IN_PAGE] = 0;
    page.wanted -= 1;
    if (page.wanted === 0) this.#retire(this.#distanceOf(ticket) >>> PAGE_BITS);
    return row;
  }

  stage(ticket: number): void {
    if (this.#placeOf(ticket) > 0) this.#flip(ticket);
  }

  /** If it is wanted it is among those again that are still to be staged. */
  unstage(ticket: number): void {
    if (this.#placeOf(ticket) >= 0) return;
    this.#flip(ticket);
    this.#cursor = Math.min(this.#cursor, this.#distanceOf(ticket));
  }

  #flip(ticket: number): void {
    const { places } = present(this.#pageOf(ticket), 'it is wanted');
    places[ticket & IN_PAGE] = -(places[ticket & IN_PAGE] as number);
  }

  /** The first ticket that is wanted. */
  oldest(): number | null {
    // Something is wanted of it unless it is the last one too.
    const places = this.#pages[0]?.places;
    if (places === undefined) return null;
    for (let at = 0; at < TICKETS_PER_PAGE; at++) if (places[at] !== 0) return this.#first + at;
    return null;
  }

  /** The first ticket that is wanted and not staged. */
  nextUnstaged(): number | null {
    while (this.#cursor < this.#length) {
      const page = this.#pages[this.#cursor >>> PAGE_BITS] as OrderPage | null;
      if (page === null) this.#cursor = (this.#cursor | IN_PAGE) + 1;
      else if ((page.places[this.#cursor & IN_PAGE] as number) > 0)
        return (this.#first + this.#cursor) & TICKET_MASK;
      else this.#cursor += 1;
    }
    return null;
  }

  #distanceOf(ticket: number): number {
    return (ticket - this.#first) & TICKET_MASK;
  }

  #pageOf(ticket: number): OrderPage | null {
    const distance = this.#distanceOf(ticket);
    if (distance >= this.#length) return null;
    return this.#pages[distance >>> PAGE_BITS] as OrderPage | null;
  }

  #placeOf(ticket: number): number {
    const page = this.#pageOf(ticket);
    return page === null ? 0 : (page.places[ticket & IN_PAGE] as number);
  }

  #addPage(): void {
    assert(this.#length < MOST_TICKETS, 'the log is not kept for so many chunks');
    const spare = this.#spare.pop();
    this.#pages.push(spare ?? { places: new Int32Array(TICKETS_PER_PAGE), wanted: 0 });
    if (this.#pages.length > 1) this.#retire(this.#pages.length - 2);
  }

  /** Nothing is wanted of a page, unless more is to come. */
  #retire(index: number): void {
    const page = this.#pages[index] as OrderPage | null;
    if (page === null || page.wanted > 0 || index === this.#pages.length - 1) return;
    this.#pages[index] = null;
    if (this.#spare.length < SPARE_PAGES) this.#spare.push(page);
    while (this.#pages[0] === null) {
      this.#pages.shift();
      this.#first = (this.#first + TICKETS_PER_PAGE) & TICKET_MASK;
      this.#length -= TICKETS_PER_PAGE;
      this.#cursor = Math.max(0, this.#cursor - TICKETS_PER_PAGE);
    }
  }
}

const rowIn = (place: number): number => (place < 0 ? -place : place) - 1;
