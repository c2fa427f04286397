/**
 * `begin` sets things going and says how many; each calls `ended` when it has ended, perhaps within
 * `begin`. Then `done` is called, at once if there were none.
 */
export function whenAllEnded(begin: (ended: () => void) => number, done: () => void): void {
  let count = 0;
  let total = -1;
  const ended = (): void => {
    count += 1;
    if (count === total) done();
  };
  total = begin(ended);
  if (count === total) done();
}
