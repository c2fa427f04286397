/** `volume rewrite`: starts or joins the rewrite of a volume, waits for it, stops it, shows it. */
import { formatSize } from '../base/units.ts';
import { clientOf, given, segment } from './command.ts';
import type { Cli } from './command.ts';
import { CliError, Exit } from './exit.ts';
import { jobOptions, runJob } from './job.ts';
import type { JobJson } from './job.ts';
import { facts, print } from './output.ts';

interface RewriteJson extends JobJson {
  readonly volume: string;
  readonly rateLimit: number;
  readonly compression: string;
  readonly all: boolean;
  readonly recodedChunks: number;
  readonly unreadableChunks: number;
  readonly skippedChunks: number;
}

const rewriteText = (rewrite: RewriteJson): string =>
  facts([
    ['volume', rewrite.volume],
    ['rewrite', rewrite.state],
    ['compression', rewrite.all ? `${rewrite.compression}, all` : rewrite.compression],
    ['started', rewrite.startedAt],
    ['finished', rewrite.finishedAt],
    ['looked at', `${formatSize(rewrite.bytesDone)} of ${formatSize(rewrite.bytesTotal)}`],
    ['rate', `${formatSize(rewrite.rate)}/s`],
    ['stored anew', `${rewrite.recodedChunks} chunks`],
    ['unreadable', `${rewrite.unreadableChunks} chunks`],
    ['skipped', `${rewrite.skippedChunks} chunks`],
  ]);

export function rewriteCommand(cli: Cli): Cli {
  return cli.command(
    'rewrite <name>',
    'Store what a volume and its snapshots hold as its compression setting wants it now',
    (args) =>
      jobOptions(
        args.positional('name', {
          type: 'string',
          demandOption: true,
          describe: 'Name of the volume',
        }),
      ).option('all', {
        type: 'boolean',
        describe: 'Also what is stored with its codec already: for another level of zstd',
      }),
    async (argv) => {
      const rewrite = await runJob<RewriteJson>(argv, clientOf(argv), {
        path: `/volumes/${segment(argv.name)}/rewrite`,
        label: 'rewrite',
        note: ({ recodedChunks }) => `${recodedChunks} chunks stored anew`,
        options: given({ all: argv.all }),
      });
      print(argv.json, rewrite, rewriteText);
      if (rewrite.state === 'failed' && argv.status !== true) {
        const message = `the rewrite of ${rewrite.volume} has failed: see 'scale pool events'`;
        throw new CliError(Exit.failed, message);
      }
    },
  );
}
