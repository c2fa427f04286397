import {
  LOST_RESERVATIONS,
  NO_RESERVATIONS,
  type PersistentReservations,
} from '../../../../../iscsi/scsi/reservations/state.ts';
import type { ReservationStore } from '../../../../../iscsi/scsi/reservations/store.ts';
import { CONFLICT, EA, Out, threeHosts, WE } from './reserving-host.ts';

/** Answers when the test says so. */
class SlowStore implements ReservationStore {
  readonly asked: { state: PersistentReservations; done: (saved: boolean) => void }[] = [];
  readonly #first: PersistentReservations;
  constructor(first = NO_RESERVATIONS) {
    this.#first = first;
  }
  load(): PersistentReservations {
    return this.#first;
  }
  save(_serial: string, state: PersistentReservations, done: (saved: boolean) => void): void {
    this.asked.push({ state, done });
  }
  answer(saved: boolean): void {
    this.asked.shift()?.done(saved);
  }
}

function slow(first = NO_RESERVATIONS) {
  const store = new SlowStore(first);
  return { store, ...threeHosts(store) };
}

const register = (newKey: number) => ({ actionKey: newKey });

describe('a change is saved before it is in force and before its answer', () => {
  test('nothing is seen of it until then', () => {
    const { a, b, store } = slow();
    const task = a.out(Out.register, register(1));
    expect([task.outcome, b.keys()]).toEqual(['pending', []]);
    store.answer(true);
    expect([task.outcome, b.keys()]).toEqual(['good', [1]]);
  });

  test('what cannot be saved is refused, and changes nothing', () => {
    const { a, b, store } = slow();
    const task = a.out(Out.register, register(1));
    store.answer(false);
    expect([task.outcome, b.keys(), b.generation()]).toEqual(['4/44/00', [], 0]);
  });

  test('changes take turns: each is decided on what the one before has left', () => {
    const { a, b, store } = slow();
    const first = a.out(Out.register, register(1));
    const second = a.out(Out.register, { key: 1, actionKey: 2 });
    const third = b.send('16 00 00 00 00 00');
    expect(store.asked.length).toBe(1);
    store.answer(true);
    expect([first.outcome, second.outcome, third.outcome]).toEqual(['good', 'pending', 'pending']);
    store.answer(true);
    expect([second.outcome, third.outcome, a.keys()]).toEqual(['good', CONFLICT, [2]]);
  });

  test('what is aborted before its turn does nothing; while it is saved, it happens', () => {
    const { a, b, store } = slow();
    a.out(Out.register, { ...register(1) });
    const waiting = b.out(Out.register, register(2));
    const answer = b.manage('abortTaskSet');
    expect(answer.outcome).toBe(null);
    store.answer(true);
    expect([waiting.outcome, answer.outcome, a.keys(), store.asked.length]).toEqual([
      'dropped',
      'complete',
      [1],
      0,
    ]);
    const saving = b.out(Out.register, register(3));
    b.manage('abortTaskSet');
    store.answer(true);
    expect([saving.outcome, a.keys()]).toEqual(['dropped', [1, 3]]);
  });

  test('a preempted host that is about to preempt is too late', () => {
    const { a, b, store } = slow();
    for (const [host, own] of [
      [a, 1],
      [b, 2],
    ] as const) {
      host.out(Out.register, register(own));
      store.answer(true);
    }
    const first = a.out(Out.preemptAndAbort, { key: 1, actionKey: 2, type: WE });
    const second = b.out(Out.preemptAndAbort, { key: 2, actionKey: 1, type: WE });
    store.answer(true);
    expect([first.outcome, second.outcome, store.asked.length]).toEqual(['good', 'dropped', 0]);
    expect(a.keys()).toEqual([1]);
  });

  test('what changes nothing is not saved', () => {
    const { a, store } = slow();
    expect(a.register(0)).toBe('good');
    expect(store.asked.length).toBe(0);
  });
});

describe('reservations that were lost [SPC-4 §5.13.5.3]', () => {
  test('shut everyone out until a host replaces them', () => {
    const { a, b, store } = slow(LOST_RESERVATIONS);
    const outcomes = [a.read(), a.write(), a.send('00 00 00 00 00 00')].map((task) => task.outcome);
    expect(outcomes).toEqual(['7/44/01', '7/44/01', '7/44/01']);
    expect(a.register(1)).toBe('7/44/01');
    expect(a.send('12 00 00 00 24 00').outcome).toBe('good');
    expect(a.out(Out.replaceLost, { key: 1, actionKey: 2, type: EA }).outcome).toBe('5/26/00');
    expect(a.out(Out.replaceLost, { actionKey: 0, type: EA }).outcome).toBe('5/26/00');
    expect(a.out(Out.replaceLost, { actionKey: 2, type: 9 }).outcome).toBe('5/24/00');
    const task = a.out(Out.replaceLost, { actionKey: 2, type: EA });
    store.answer(true);
    expect([task.outcome, a.keys(), a.reservation()]).toEqual(['good', [2], '2:3']);
    expect([a.read().outcome, b.read().outcome]).toEqual(['good', CONFLICT]);
  });

  test('that are there cannot be replaced', () => {
    const { a } = threeHosts();
    expect(a.out(Out.replaceLost, { actionKey: 2, type: EA }).outcome).toBe('5/26/04');
  });

  test('the operator clears them', () => {
    const { a, units, device, store } = slow(LOST_RESERVATIONS);
    let saved: boolean | null = null;
    units.clearReservations(device.identity.serial, (is) => {
      saved = is;
    });
    expect(a.read().outcome).toBe('7/44/01');
    store.answer(true);
    expect([saved, a.read().outcome, a.keys()]).toEqual([true, 'good', []]);
  });
});

test('the operator clears what hosts hold, and they are told', () => {
  const { a, b, units, device } = threeHosts();
  a.register(1);
  a.reserve(1, EA);
  units.clearReservations(device.identity.serial, () => undefined);
  expect([a.settle(), b.settle(), b.read().outcome]).toEqual([['6/2a/03'], [], 'good']);
  b.send('16 00 00 00 00 00');
  units.clearReservations(device.identity.serial, () => undefined);
  expect(a.read().outcome).toBe('good');
});
