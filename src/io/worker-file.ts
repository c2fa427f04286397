/**
 * Where a worker thread's file is: beside the module that starts it, `.ts` when run unbuilt (Node
 * strips the types), `.js` when built. It is told by the asking module's own name, so it holds under
 * jest as well, where modules are transformed but workers run the file on disk.
 *
 *   new Worker(workerFile(import.meta.url, './meta-writer-worker'))
 */
export function workerFile(moduleUrl: string, name: string): URL {
  const extension = moduleUrl.endsWith('.ts') ? '.ts' : '.js';
  return new URL(name + extension, moduleUrl);
}
