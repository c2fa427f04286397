/** `serve` as a process: signals, faults, the ready line and the exit code. */
import { faultLine } from './fault-line.ts';
import { stderrLogger } from './io/logger.ts';
import type { ProcessLogger } from './io/logger.ts';
import { RequestError } from './request-error.ts';
import type { ServeOptions } from './serve-options.ts';
import { Member } from './member.ts';
import type { Surroundings } from './member.ts';

/** All of a shutdown, and of that what initiators get to finish and log out. */
const shutdownMs = 8000;
const drainMs = 4000;
const lastResortMs = shutdownMs - 500;

function endOnBug(log: ProcessLogger): (error: unknown) => never {
  return (error) => {
    log.fatal({ err: error }, 'a bug: the process ends, the next start recovers');
    log.flush();
    process.exit(1);
  };
}

/** Resolves to the first signal that asks to end. Later ones change nothing: make, npx and timeout
 * pass on what the whole process group got already, and the drain is bounded anyway. */
function endAsked(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, resolve);
  });
}

async function startMember(options: ServeOptions, surroundings: Surroundings): Promise<Member> {
  const member = await Member.open(options, surroundings);
  await member.start();
  return member;
}

export async function serveProcess(options: ServeOptions, version: string): Promise<number> {
  process.umask(0o077);
  const log = stderrLogger(options.logLevel);
  const onBug = endOnBug(log);
  process.on('uncaughtException', onBug);
  process.on('unhandledRejection', onBug);
  const announce = (line: string): void => void process.stdout.write(`${line}\n`);
  // A reader of the ready line that goes away is no reason to stop serving.
  process.stdout.on('error', () => undefined);
  const asked = endAsked();
  let member: Member;
  try {
    const started = startMember(options, { version, log, announce, onBug });
    const first = await Promise.race([started, asked]);
    // Until it serves nothing has been accepted: there is nothing to drain.
    if (typeof first === 'string') return end(log, first);
    member = first;
  } catch (error) {
    const line = faultLine(error);
    if (line === null) return onBug(error);
    log.flush();
    process.stderr.write(`scale: ${line}\n`);
    process.exit(error instanceof RequestError && error.code === 'invalid' ? 2 : 1);
  }
  const signal = await asked;
  log.info({ signal }, 'draining');
  setTimeout(() => {
    log.warn({}, 'the drain took too long; the next start recovers from the journal');
    end(log, signal);
  }, lastResortMs).unref();
  await member.drain(drainMs);
  return end(log, signal);
}

function end(log: ProcessLogger, signal: string): never {
  log.info({ signal }, 'ended');
  log.flush();
  process.exit(0);
}
