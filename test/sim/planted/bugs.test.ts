import { bugs } from './bugs.ts';
import { editedFiles } from './scratch-tree.ts';

describe('planted bugs', () => {
  test.each(bugs.map((bug) => [bug.name, bug] as const))(
    '%s still finds the place that it changes',
    async (_name, bug) => {
      expect((await editedFiles(bug.edits)).size).toBeGreaterThan(0);
    },
  );
});
