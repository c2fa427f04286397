/**
 * Long work as one line on stderr that is written over as it goes on; nothing where that is not a
 * terminal. For everything that `--wait` waits for.
 */
import { formatSize } from '../base/units.ts';

const POLL_MS = 500;
const BAR_CELLS = 20;
const CLEAR_LINE = '\r\u001b[K';

export interface ProgressState {
  /** What is going on, in a word or two. */
  readonly label: string;
  /** In bytes; with a total of 0 there is no bar. */
  readonly done: number;
  readonly total: number;
  /** Bytes a second; null: not known. */
  readonly rate: number | null;
  /** What else to say, at the end of the line; '' for nothing. */
  readonly note: string;
}

/** What `ProgressLine` shows, without the terminal's own codes. */
export function progressText({ label, done, total, rate, note }: ProgressState): string {
  const parts: string[] = [];
  if (total > 0) {
    const share = Math.min(1, done / total);
    const filled = Math.floor(share * BAR_CELLS);
    const bar = '#'.repeat(filled).padEnd(BAR_CELLS, '.');
    parts.push(`[${bar}] ${Math.floor(share * 100)} %`);
    parts.push(`${formatSize(done)} of ${formatSize(total)}`);
  } else parts.push(formatSize(done));
  if (rate !== null && rate > 0) {
    parts.push(`${formatSize(rate)}/s`);
    if (total > done) parts.push(`${durationText((total - done) / rate)} left`);
  }
  if (note !== '') parts.push(note);
  return `${label} ${parts.join(', ')}`;
}

function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** What the line is written to. */
export interface Terminal {
  readonly isTTY: boolean;
  write(text: string): boolean;
}

export class ProgressLine {
  readonly #out: Terminal | null;

  /** Shows nothing where `out` is no terminal. */
  constructor(out: Terminal = process.stderr) {
    this.#out = out.isTTY ? out : null;
  }

  show(state: ProgressState): void {
    this.#out?.write(`${CLEAR_LINE}${progressText(state)}`);
  }

  /** The line is gone: what follows is the answer. */
  end(): void {
    this.#out?.write(CLEAR_LINE);
  }
}

/**
 * Asks again and again until `progress` gives null for an answer, which it resolves to, and shows
 * what it gives for the others.
 */
export async function waitFor<T>(
  ask: () => Promise<T>,
  progress: (answer: T) => ProgressState | null,
  line = new ProgressLine(),
): Promise<T> {
  try {
    for (;;) {
      const answer = await ask();
      const state = progress(answer);
      if (state === null) return answer;
      line.show(state);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    line.end();
  }
}

/** Whether to wait when nothing was said: people do, scripts ask. */
export const waitsByDefault = (): boolean => process.stderr.isTTY && process.stdout.isTTY;
