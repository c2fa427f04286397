/** Structured logs: JSON lines on stderr, so that stdout stays for the ready line. */
import { pino } from 'pino';
import type { Logger } from '../base/ports.ts';

export interface ProcessLogger extends Logger {
  fatal(facts: object, message: string): void;
  /** Everything logged so far is out when it returns. */
  flush(): void;
}

const stderr = 2;

export function stderrLogger(level: string): ProcessLogger {
  const destination = pino.destination({ dest: stderr, sync: false });
  const log = pino({ level, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  return {
    debug: log.debug.bind(log),
    info: log.info.bind(log),
    warn: log.warn.bind(log),
    error: log.error.bind(log),
    fatal: log.fatal.bind(log),
    flush: () => {
      try {
        destination.flushSync();
      } catch {
        // Nobody reads stderr any more: there is no one left to tell.
      }
    },
  };
}
