import { Grace } from '../../../../pool/chunk/grace.ts';

describe('grace: when what died may be used again', () => {
  test('once the checkpoint that was frozen after its death is durable, without reads', () => {
    const grace = new Grace(4);
    expect(grace.reusable).toBe(4);
    grace.committed(5);
    expect(grace.reusable).toBe(5);
  });

  test('not before the reads have ended that had begun when the checkpoint became durable', () => {
    const grace = new Grace(4);
    const before = grace.begin();
    grace.committed(5);
    const after = grace.begin();
    expect(grace.reusable).toBe(4);
    grace.end(before);
    expect(grace.reusable).toBe(5);
    grace.end(after);
  });

  test('a read that began later holds back only later checkpoints', () => {
    const grace = new Grace(0);
    const first = grace.begin();
    grace.committed(1);
    const second = grace.begin();
    grace.committed(2);
    grace.end(first);
    expect(grace.reusable).toBe(1);
    grace.committed(3);
    expect(grace.reusable).toBe(1);
    grace.end(second);
    expect(grace.reusable).toBe(3);
  });

  test('each of several reads of one time has to end', () => {
    const grace = new Grace(0);
    const reads = [grace.begin(), grace.begin(), grace.begin()];
    grace.committed(1);
    for (const read of reads) {
      expect(grace.reusable).toBe(0);
      grace.end(read);
    }
    expect(grace.reusable).toBe(1);
  });

  test('says when it has grown', () => {
    const grace = new Grace(0);
    const seen: number[] = [];
    grace.onReusable = () => seen.push(grace.reusable);
    const read = grace.begin();
    grace.committed(1);
    grace.committed(2);
    grace.end(read);
    expect(seen).toEqual([2]);
  });

  test('a read that ends twice is a bug', () => {
    const grace = new Grace(0);
    const read = grace.begin();
    grace.end(read);
    expect(() => {
      grace.end(read);
    }).toThrow('each read ends once');
  });
});
