/** `pool scrub`: starts or joins a scrub, waits for it, stops it, and tells what it found. */
import { formatSize } from '../base/units.ts';
import { clientOf } from './command.ts';
import type { Cli } from './command.ts';
import { CliError, Exit } from './exit.ts';
import { jobOptions, runJob } from './job.ts';
import type { JobJson } from './job.ts';
import { facts, print, table } from './output.ts';

export interface ScrubProgressJson extends JobJson {
  readonly problems: number;
}

interface ScrubJson extends ScrubProgressJson {
  readonly rateLimit: number;
  readonly findings: readonly {
    readonly kind: string;
    readonly message: string;
    readonly owners: readonly { readonly volume: string; readonly chunkNumber: number }[];
  }[];
  readonly volumes: readonly {
    readonly volume: string;
    readonly chunks: number;
    readonly damagedChunks: number;
    readonly offsets: readonly number[];
  }[];
}

/** One line for `pool status`. */
export function scrubLine({
  state,
  finishedAt,
  bytesDone,
  bytesTotal,
  problems,
}: ScrubProgressJson): string {
  if (state === 'never') return 'never';
  const what = state === 'finished' ? `finished ${finishedAt ?? ''}` : state;
  return `${what}, ${formatSize(bytesDone)} of ${formatSize(bytesTotal)}, ${problems} problems`;
}

function scrubText(scrub: ScrubJson): string {
  const { state, startedAt, finishedAt, bytesDone, bytesTotal, rate, problems } = scrub;
  const { volumes, findings } = scrub;
  const head = facts([
    ['scrub', state],
    ['started', startedAt],
    ['finished', finishedAt],
    ['verified', `${formatSize(bytesDone)} of ${formatSize(bytesTotal)}`],
    ['rate', `${formatSize(rate)}/s`],
    ['problems', problems],
  ]);
  const owners = (of: ScrubJson['findings'][number]['owners']): string =>
    of.map(({ volume, chunkNumber }) => `${volume}:${chunkNumber}`).join(' ');
  const found = findings.map(({ kind, message, owners: of }) => [kind, owners(of), message]);
  const damaged = volumes.filter(({ damagedChunks }) => damagedChunks > 0);
  const rows = damaged.map(({ volume, chunks, damagedChunks, offsets }) => [
    volume,
    chunks,
    damagedChunks,
    offsets.slice(0, 4).join(' '),
  ]);
  return [
    head,
    rows.length === 0 ? '' : table(['volume', 'chunks', 'damaged', 'first offsets'], rows),
    found.length === 0 ? '' : table(['kind', 'volume:chunk', 'what'], found),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

export function scrubCommand(cli: Cli): Cli {
  return cli.command(
    'scrub',
    'Read and verify all that is stored (references are counted again by scale check only)',
    (args) => jobOptions(args),
    async (argv) => {
      const scrub = await runJob<ScrubJson>(argv, clientOf(argv), {
        path: '/pool/scrub',
        label: 'scrub',
        note: ({ problems }) => (problems === 0 ? '' : `${problems} problems`),
      });
      print(argv.json, scrub, scrubText);
      if (scrub.problems > 0) {
        const message = `${scrub.problems} problems were found: restore what is damaged from a copy`;
        throw new CliError(Exit.failed, message);
      }
    },
  );
}
