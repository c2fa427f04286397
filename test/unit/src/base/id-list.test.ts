import { IdList } from '../../../../src/base/id-list.ts';

const counted = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => first + index);

describe('ids that are gathered', () => {
  test('are there in the order in which they came, however many', () => {
    const list = new IdList();
    const ids = counted(2 ** 40 - 3000, 3000);
    for (const id of ids) list.add(id);
    expect(list.length).toBe(3000);
    expect([...list.all()]).toEqual(ids);
  });

  test('that were taken stay as they are when others come in their place', () => {
    const list = new IdList();
    for (const id of counted(1, 100)) list.add(id);
    const taken = list.take();
    for (const id of counted(2 ** 40, 100)) list.add(id);
    expect([...taken]).toEqual(counted(1, 100));
    expect([...list.take()]).toEqual(counted(2 ** 40, 100));
  });

  test('can be taken one by one, the last first, between others that come', () => {
    const list = new IdList();
    for (const id of counted(1, 3)) list.add(id);
    expect([list.takeLast(), list.takeLast()]).toEqual([3, 2]);
    list.add(2 ** 40);
    expect([...list.all()]).toEqual([1, 2 ** 40]);
    expect([list.takeLast(), list.takeLast(), list.takeLast()]).toEqual([2 ** 40, 1, -1]);
    expect(list.length).toBe(0);
  });

  test('are taken once, a burst of them too', () => {
    const list = new IdList();
    for (const id of counted(1, 600_000)) list.add(id);
    const taken = list.take();
    expect([list.length, list.all().length, list.take().length]).toEqual([0, 0, 0]);
    for (const id of counted(2 ** 40, 1500)) list.add(id);
    expect([taken.length, taken[0], taken.at(-1)]).toEqual([600_000, 1, 600_000]);
    expect([...list.take()]).toEqual(counted(2 ** 40, 1500));
  });
});
