/** What the commands for background jobs share: start or join, wait, stop, show. */
import type { Argv } from 'yargs';
import type { ApiClient } from './client.ts';
import { bytesOf } from './command.ts';
import { waitFor, waitsByDefault } from './progress.ts';
import type { ProgressState } from './progress.ts';

/** What the API says of any job. */
export interface JobJson {
  readonly state: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly rate: number;
}

export interface JobArguments {
  readonly wait: boolean | undefined;
  readonly stop: boolean | undefined;
  readonly status: boolean | undefined;
  readonly rate: string | undefined;
}

export const jobOptions = <T>(args: Argv<T>): Argv<T & JobArguments> =>
  args
    .option('wait', {
      type: 'boolean',
      describe: 'Until it has ended; so by default on a terminal',
    })
    .option('stop', { type: 'boolean', describe: 'Stop the one that runs' })
    .option('status', { type: 'boolean', describe: 'Show the last one only' })
    .option('rate', { type: 'string', describe: 'Bytes a second that it may read' })
    .conflicts('stop', ['status', 'rate']);

/** Does what the flags say with the job at `path`; `note` is the end of its progress line. */
export async function runJob<T extends JobJson>(
  argv: JobArguments,
  client: ApiClient,
  job: {
    readonly path: string;
    readonly label: string;
    readonly note: (report: T) => string;
    /** What else to begin it with. */
    readonly options?: object;
  },
): Promise<T> {
  const { path } = job;
  if (argv.status === true) return client.get<T>(path);
  if (argv.stop === true) return client.send<T>('DELETE', path);
  const rate = argv.rate === undefined ? {} : { rateLimit: bytesOf(argv.rate, '--rate') };
  const body = { ...rate, ...job.options };
  const begun = await client.send<T>('POST', path, body);
  if (!(argv.wait ?? waitsByDefault())) return begun;
  const progress = (report: T): ProgressState | null => {
    const { state, bytesDone, bytesTotal, rate } = report;
    if (state !== 'running') return null;
    return { label: job.label, done: bytesDone, total: bytesTotal, rate, note: job.note(report) };
  };
  return waitFor(() => client.get<T>(path), progress);
}
