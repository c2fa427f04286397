/**
 * The program: the command line, and behind it `serve` and `check`, which are loaded only when asked
 * for, so that every other command starts fast.
 */
import { readFileSync } from 'node:fs';
import { runProgram } from './cli/program.ts';

/** Beside `src` in a clone, one further up from `dist/src`. */
function packageVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(place, import.meta.url), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}

const version = packageVersion();

process.exitCode = await runProgram({
  args: process.argv.slice(2),
  version,
  local: {
    serve: async (options) => (await import('./serve.ts')).serveProcess(options, version),
    check: async (options, json) => (await import('./check.ts')).check(options, json),
  },
});
