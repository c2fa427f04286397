/**
 * Assertions stay on in production. A failed one is a bug, never a peer's fault: nothing catches
 * it, the process ends, and the restart recovers from the journal.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** For a value that an invariant says is there: `present(map.get(id), 'page is cached')`. */
export function present<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new InvariantError(message);
  return value;
}

export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`);
}
