/** `volume rewrite`: starts or joins the rewrite of a volume, waits for it, stops it, shows it. */
import { formatSize } from '../base/units.ts';
import { bytesOf, clientOf, segment } from './command.ts';
import type { Cli, Globals } from './command.ts';
import type { ApiClient } from './client.ts';
import { CliError, Exit } from './exit.ts';
import { facts, print } from './output.ts';
import { waitFor, waitsByDefault } from './progress.ts';
import type { ProgressState } from './progress.ts';

interface RewriteJson {
  readonly volume: string;
  readonly state: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly rate: number;
  readonly rateLimit: number;
  readonly recodedChunks: number;
  readonly unreadableChunks: number;
}

interface RewriteArguments extends Globals {
  readonly name: string;
  readonly wait: boolean | undefined;
  readonly stop: boolean | undefined;
  readonly status: boolean | undefined;
  readonly rate: string | undefined;
}

const rewriteText = (rewrite: RewriteJson): string =>
  facts([
    ['volume', rewrite.volume],
    ['rewrite', rewrite.state],
    ['started', rewrite.startedAt],
    ['finished', rewrite.finishedAt],
    ['looked at', `${formatSize(rewrite.bytesDone)} of ${formatSize(rewrite.bytesTotal)}`],
    ['rate', `${formatSize(rewrite.rate)}/s`],
    ['stored anew', `${rewrite.recodedChunks} chunks`],
    ['unreadable', `${rewrite.unreadableChunks} chunks`],
  ]);

const progressOf = (rewrite: RewriteJson): ProgressState | null => {
  const { state, bytesDone, bytesTotal, rate, recodedChunks } = rewrite;
  if (state !== 'running') return null;
  const note = `${recodedChunks} chunks stored anew`;
  return { label: 'rewrite', done: bytesDone, total: bytesTotal, rate, note };
};

async function rewriteOf(argv: RewriteArguments, client: ApiClient): Promise<RewriteJson> {
  const path = `/volumes/${segment(argv.name)}/rewrite`;
  if (argv.status === true) return client.get<RewriteJson>(path);
  if (argv.stop === true) return client.send<RewriteJson>('DELETE', path);
  const body = argv.rate === undefined ? {} : { rateLimit: bytesOf(argv.rate, '--rate') };
  const begun = await client.send<RewriteJson>('POST', path, body);
  if (!(argv.wait ?? waitsByDefault())) return begun;
  return waitFor(() => client.get<RewriteJson>(path), progressOf);
}

export function rewriteCommand(cli: Cli): Cli {
  return cli.command(
    'rewrite <name>',
    'Store what a volume holds as its compression setting wants it now',
    (args) =>
      args
        .positional('name', { type: 'string', demandOption: true, describe: 'Name of the volume' })
        .option('wait', {
          type: 'boolean',
          describe: 'Until it has ended; so by default on a terminal',
        })
        .option('stop', { type: 'boolean', describe: 'Stop the one that runs' })
        .option('status', { type: 'boolean', describe: 'Show the last one only' })
        .option('rate', { type: 'string', describe: 'Bytes a second that it may read' })
        .conflicts('stop', ['status', 'rate']),
    async (argv) => {
      const rewrite = await rewriteOf(argv, clientOf(argv));
      print(argv.json, rewrite, rewriteText);
      if (rewrite.state === 'failed' && argv.status !== true) {
        const message = `the rewrite of ${rewrite.volume} has failed: see 'scale pool events'`;
        throw new CliError(Exit.failed, message);
      }
    },
  );
}
