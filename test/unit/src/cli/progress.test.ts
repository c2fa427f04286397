import { ProgressLine, progressText, waitFor } from '../../../../src/cli/progress.ts';
import type { ProgressState } from '../../../../src/cli/progress.ts';

const MIB = 2 ** 20;
const state: ProgressState = {
  label: 'scrub',
  done: 25 * MIB,
  total: 100 * MIB,
  rate: MIB,
  note: '',
};

describe('the progress of long work', () => {
  test('says how far it is, how fast, and how long it will take', () => {
    expect(progressText(state)).toBe(
      'scrub [#####...............] 25 %, 25M of 100M, 1M/s, 1 min 15 s left',
    );
  });

  test('ends with what else there is to say', () => {
    expect(progressText({ ...state, note: '3 problems' })).toMatch(/left, 3 problems$/);
  });

  test('has no bar without a total, and no end without a rate', () => {
    expect(progressText({ ...state, total: 0, rate: null })).toBe('scrub 25M');
  });

  test('never goes beyond its end', () => {
    expect(progressText({ ...state, done: 120 * MIB })).toContain('[####################] 100 %');
  });

  test('is written over itself on a terminal, and nowhere else', () => {
    const shown = (isTTY: boolean): string => {
      let text = '';
      const write = (part: string): boolean => {
        text += part;
        return true;
      };
      const line = new ProgressLine({ isTTY, write });
      line.show(state);
      line.end();
      return text;
    };
    const clear = '\r\u001b[K';
    expect(shown(true)).toBe(`${clear}${progressText(state)}${clear}`);
    expect(shown(false)).toBe('');
  });

  test('is asked for until there is an answer', async () => {
    let asked = 0;
    const answer = await waitFor(
      () => Promise.resolve(++asked),
      (count) => (count < 2 ? state : null),
      new ProgressLine({ isTTY: false, write: () => true }),
    );
    expect(answer).toBe(2);
  });
});
