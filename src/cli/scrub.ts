/** `pool scrub`: starts or joins a scrub, waits for it, stops it, and tells what it found. */
import { formatSize } from '../base/units.ts';
import { bytesOf, clientOf } from './command.ts';
import type { Cli, Globals } from './command.ts';
import type { ApiClient } from './client.ts';
import { CliError, Exit } from './exit.ts';
import { facts, print, table } from './output.ts';
import { waitFor, waitsByDefault } from './progress.ts';
import type { ProgressState } from './progress.ts';

export interface ScrubProgressJson {
  readonly state: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly rate: number;
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

interface ScrubArguments extends Globals {
  readonly wait: boolean | undefined;
  readonly stop: boolean | undefined;
  readonly status: boolean | undefined;
  readonly rate: string | undefined;
}

const PATH = '/pool/scrub';

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

const progressOf = ({
  state,
  bytesDone,
  bytesTotal,
  rate,
  problems,
}: ScrubJson): ProgressState | null =>
  state === 'running'
    ? {
        label: 'scrub',
        done: bytesDone,
        total: bytesTotal,
        rate,
        note: problems === 0 ? '' : `${problems} problems`,
      }
    : null;

async function scrubOf(argv: ScrubArguments, client: ApiClient): Promise<ScrubJson> {
  if (argv.status === true) return client.get<ScrubJson>(PATH);
  if (argv.stop === true) return client.send<ScrubJson>('DELETE', PATH);
  const body = argv.rate === undefined ? {} : { rateLimit: bytesOf(argv.rate, '--rate') };
  const begun = await client.send<ScrubJson>('POST', PATH, body);
  if (!(argv.wait ?? waitsByDefault())) return begun;
  return waitFor(() => client.get<ScrubJson>(PATH), progressOf);
}

export function scrubCommand(cli: Cli): Cli {
  return cli.command(
    'scrub',
    'Read and verify all that is stored (references are counted again by scale check only)',
    (args) =>
      args
        .option('wait', {
          type: 'boolean',
          describe: 'Until it has ended; so by default on a terminal',
        })
        .option('stop', { type: 'boolean', describe: 'Stop the one that runs' })
        .option('status', { type: 'boolean', describe: 'Show the last one only' })
        .option('rate', { type: 'string', describe: 'Bytes a second that it may read' })
        .conflicts('stop', ['status', 'rate']),
    async (argv) => {
      const scrub = await scrubOf(argv, clientOf(argv));
      print(argv.json, scrub, scrubText);
      if (scrub.problems > 0) {
        const message = `${scrub.problems} problems were found: restore what is damaged from a copy`;
        throw new CliError(Exit.failed, message);
      }
    },
  );
}
