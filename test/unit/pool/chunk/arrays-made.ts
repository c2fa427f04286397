/** How many typed arrays of a kind are made while something runs. */
export function arraysMade(kind: 'Int32Array' | 'Float64Array', run: () => void): number {
  const scope = globalThis as unknown as Record<string, new (...args: unknown[]) => object>;
  const real = globalThis[kind] as new (...args: unknown[]) => object;
  let made = 0;
  scope[kind] = new Proxy(real, {
    construct: (target, args: unknown[]) => {
      made += 1;
      return new target(...args);
    },
  });
  try {
    run();
  } finally {
    scope[kind] = real;
  }
  return made;
}
