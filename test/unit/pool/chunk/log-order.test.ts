import { LogOrder, NO_ROW, TICKETS_PER_PAGE } from '../../../../pool/chunk/log-order.ts';
import { arraysMade } from './arrays-made.ts';

/** Rows 0 to `count` - 1, none staged; gives their tickets. */
const fill = (order: LogOrder, count: number): number[] =>
  Array.from({ length: count }, (_, row) => order.add(row, false));

const nth = (tickets: readonly number[], index: number): number => {
  const ticket = tickets.at(index);
  if (ticket === undefined) throw new Error('no such ticket');
  return ticket;
};

describe('the order of the log', () => {
  test('a ticket leads to its row until it is given back, once', () => {
    const order = new LogOrder();
    const [first = 0, second = 0] = fill(order, 2);
    expect([order.rowOf(first), order.rowOf(second)]).toEqual([0, 1]);
    expect(order.giveBack(first)).toBe(0);
    expect([order.rowOf(first), order.giveBack(first)]).toEqual([NO_ROW, NO_ROW]);
    expect(order.rowOf(second)).toBe(1);
  });

  test('a ticket that was given back never leads to another chunk, though its row and its page are used again', () => {
    const order = new LogOrder();
    const stale = fill(order, 2 * TICKETS_PER_PAGE);
    for (const ticket of stale) order.giveBack(ticket);
    for (let round = 0; round < 200; round++) {
      for (const ticket of fill(order, TICKETS_PER_PAGE)) order.giveBack(ticket);
      expect(stale.every((ticket) => order.rowOf(ticket) === NO_ROW)).toBe(true);
    }
    const now = fill(order, TICKETS_PER_PAGE);
    for (const ticket of stale) {
      order.stage(ticket);
      order.unstage(ticket);
      expect([order.giveBack(ticket), order.isStaged(ticket)]).toEqual([NO_ROW, false]);
    }
    expect(now.map((ticket) => order.rowOf(ticket))).toEqual([...now.keys()]);
  });

  test('no ticket is given out twice, and tickets are counted round', () => {
    const order = new LogOrder(2 ** 30 - TICKETS_PER_PAGE);
    const tickets = fill(order, 3 * TICKETS_PER_PAGE);
    expect(nth(tickets, TICKETS_PER_PAGE - 1)).toBe(2 ** 30 - 1);
    expect(nth(tickets, TICKETS_PER_PAGE)).toBe(0);
    expect(new Set(tickets).size).toBe(tickets.length);
    expect(tickets.map((ticket) => order.rowOf(ticket))).toEqual([...tickets.keys()]);
    const seen: number[] = [];
    for (let next = order.nextUnstaged(); next !== null; next = order.nextUnstaged()) {
      seen.push(next);
      order.stage(next);
    }
    expect(seen).toEqual(tickets);
    order.unstage(nth(tickets, -1));
    order.unstage(nth(tickets, 1));
    expect(order.nextUnstaged()).toBe(nth(tickets, 1));
    for (const ticket of tickets) {
      expect(order.oldest()).toBe(ticket);
      order.giveBack(ticket);
    }
    expect([order.oldest(), order.nextUnstaged()]).toEqual([null, null]);
  });

  test('one that is wanted for long stays the oldest, and what comes and goes behind it keeps its order', () => {
    const order = new LogOrder();
    const [old = 0] = fill(order, 1);
    order.stage(old);
    for (let round = 0; round < 500; round++) {
      const tickets = fill(order, 300);
      expect(order.nextUnstaged()).toBe(nth(tickets, 0));
      for (const ticket of tickets) order.giveBack(ticket);
      expect(order.oldest()).toBe(old);
      expect(order.nextUnstaged()).toBeNull();
    }
    const [last = 0] = fill(order, 1);
    order.unstage(old);
    expect(order.nextUnstaged()).toBe(old);
    order.giveBack(old);
    expect([order.oldest(), order.nextUnstaged()]).toEqual([last, last]);
  });

  test.each([1, 100, TICKETS_PER_PAGE])(
    'pages are used again when their chunks come and go, %i at a time',
    (count) => {
      const made = arraysMade('Int32Array', () => {
        const order = new LogOrder();
        const kept = order.add(0, false);
        for (let round = 0; round * count < 100 * TICKETS_PER_PAGE; round++)
          for (const ticket of fill(order, count)) order.giveBack(ticket);
        expect(order.rowOf(kept)).toBe(0);
      });
      // The one that is kept, the one that tickets are given out of, and the one before it until that is.
      expect(made).toBeLessThanOrEqual(3);
    },
  );
});
