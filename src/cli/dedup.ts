/** `volume dedup` and `pool dedup`: the search for duplicates of what is stored, and its settings. */
import { formatSize } from '../base/units.ts';
import { bytesOf, clientOf, given, segment } from './command.ts';
import type { Cli } from './command.ts';
import { CliError, Exit } from './exit.ts';
import { jobOptions, runJob } from './job.ts';
import type { JobJson } from './job.ts';
import { facts, print } from './output.ts';

interface DedupJson extends JobJson {
  readonly volume: string | null;
  readonly rateLimit: number;
  readonly examinedChunks: number;
  readonly waitingChunks: number;
  readonly comparedBytes: number;
  readonly joinedChunks: number;
  readonly joinedBytes: number;
  readonly joinRate: number;
  readonly mismatches: number;
  readonly unreadableChunks: number;
  readonly secondsLeft: number | null;
}

interface DedupStatusJson {
  readonly rateLimit: number;
  readonly quietBelow: number;
  readonly loadShare: number;
  readonly unprocessedBytes: number;
  readonly last: DedupJson;
}

const progressFacts = (dedup: DedupJson): [string, string | number | null][] => [
  ['search', dedup.state],
  ['started', dedup.startedAt],
  ['finished', dedup.finishedAt],
  ['examined', `${formatSize(dedup.bytesDone)} of ${formatSize(dedup.bytesTotal)}`],
  ['examine rate', `${formatSize(dedup.rate)}/s`],
  ['compared', formatSize(dedup.comparedBytes)],
  ['compare rate', `${formatSize(dedup.joinRate)}/s`],
  ['joined', `${formatSize(dedup.joinedBytes)}, ${dedup.joinedChunks} chunks`],
  ['different', `${dedup.mismatches} pairs`],
  ['unreadable', `${dedup.unreadableChunks} chunks`],
  ['left', dedup.secondsLeft === null ? null : `${dedup.secondsLeft} s`],
];

export function volumeDedupCommand(cli: Cli): Cli {
  return cli.command(
    'dedup <name>',
    'Join chunks that a volume has stored to equal ones of the whole pool',
    (args) =>
      jobOptions(
        args.positional('name', {
          type: 'string',
          demandOption: true,
          describe: 'Name of the volume; what it is a clone of goes along',
        }),
      ),
    async (argv) => {
      const dedup = await runJob<DedupJson>(argv, clientOf(argv), {
        path: `/volumes/${segment(argv.name)}/dedup`,
        label: 'dedup',
        note: ({ joinedBytes, joinRate }) =>
          `${formatSize(joinedBytes)} joined, ${formatSize(joinRate)}/s compared`,
      });
      print(argv.json, dedup, (report) =>
        facts([['volume', report.volume], ...progressFacts(report)]),
      );
      if (dedup.state === 'failed' && argv.status !== true) {
        const message = `the search for duplicates of ${argv.name} has failed: see 'scale pool events'`;
        throw new CliError(Exit.failed, message);
      }
    },
  );
}

export function poolDedupCommand(cli: Cli): Cli {
  return cli.command(
    'dedup',
    'Show or change how the mode post-process works in the background',
    (args) =>
      args
        .option('rate', { type: 'string', describe: 'Bytes a second that are examined' })
        .option('quiet', {
          type: 'number',
          describe: 'The pool is quiet with fewer commands a second than this',
        })
        .option('share', {
          type: 'number',
          describe: 'Percent of the time for comparing and joining while it is not; 0: none',
        }),
    async (argv) => {
      const changes = given({
        rateLimit: argv.rate === undefined ? undefined : bytesOf(argv.rate, '--rate'),
        quietBelow: argv.quiet,
        loadShare: argv.share === undefined ? undefined : argv.share / 100,
      });
      const client = clientOf(argv);
      const path = '/pool/dedup';
      const isAsked = Object.keys(changes).length === 0;
      const status = isAsked
        ? await client.get<DedupStatusJson>(path)
        : await client.send<DedupStatusJson>('PATCH', path, changes);
      print(argv.json, status, (found) =>
        facts([
          ['rate', `${formatSize(found.rateLimit)}/s`],
          ['quiet below', `${found.quietBelow} commands/s`],
          ['share of load', `${Math.round(found.loadShare * 100)} %`],
          ['not examined', formatSize(found.unprocessedBytes)],
          ...progressFacts(found.last),
        ]),
      );
    },
  );
}
