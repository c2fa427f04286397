/** `serve` and `check`: the two commands that run here instead of asking a member. */
import { readFileSync } from 'node:fs';
import { RequestError } from '../request-error.ts';
import {
  defaultApi,
  defaultDedup,
  defaultPortal,
  defaultScrubRate,
  defaultSoftThreshold,
} from '../serve-options.ts';
import { serveOptions, storeOptions } from '../serve-options.ts';
import type { ServeOptions, StoreOptions } from '../serve-options.ts';
import type { Cli } from './command.ts';
import { CliError, Exit } from './exit.ts';

/** The composition root's side: each resolves to the exit code. */
export interface Local {
  serve(options: ServeOptions): Promise<number>;
  check(options: StoreOptions, json: boolean): Promise<number>;
}

/** Options that do not hold are the caller's mistake: exit 2. */
function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RequestError) throw new CliError(Exit.usage, error.message);
    throw error;
  }
}

function configFile(path: string): Record<string, unknown> {
  const refuse = (reason: string): CliError =>
    new CliError(Exit.usage, `--config: ${path}: ${reason}`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refuse('it holds no JSON object with the names of the flags');
  }
  return value as Record<string, unknown>;
}

const store = {
  data: { type: 'string', demandOption: true, describe: 'Directory of metadata and control state' },
  disk: {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'DIR[=nvme|ssd|hdd][,size=S]; may be repeated; by default DATA/disk',
  },
  memory: { type: 'string', describe: 'Bound of caches and buffers; by default a quarter of RAM' },
} as const;

const network = {
  portal: {
    type: 'string',
    array: true,
    nargs: 1,
    describe: `iSCSI address H:P[=ADVERTISED]; may be repeated; by default ${defaultPortal}`,
  },
  api: { type: 'string', describe: `Address of the REST API; by default ${defaultApi}` },
  'api-token-file': { type: 'string', describe: 'What callers of the API must bear' },
  'api-tls-cert': { type: 'string', describe: 'Certificate of the API, PEM' },
  'api-tls-key': { type: 'string', describe: 'Its key, PEM' },
} as const;

const behaviour = {
  protect: { type: 'string', describe: 'Redundancy k+m (only none so far)' },
  'accept-loss': {
    type: 'boolean',
    describe: 'Serve although something that was durable is gone',
  },
  'first-volume': { type: 'string', describe: 'NAME=SIZE: made when the pool has no volume' },
  'scrub-rate': {
    type: 'string',
    describe: `Bytes a second that a scrub may read; by default ${defaultScrubRate}`,
  },
  'dedup-rate': {
    type: 'string',
    describe: `Bytes a second that a search for stored duplicates examines; by default ${defaultDedup.rate}`,
  },
  'dedup-quiet': {
    type: 'number',
    describe: `It compares and joins when fewer commands a second come in than this; by default ${defaultDedup.quietBelow}`,
  },
  'dedup-share': {
    type: 'number',
    describe: `Percent of the time that it does so when there are more; by default ${defaultDedup.sharePercent}`,
  },
  'dedup-latency': {
    type: 'number',
    describe: `Milliseconds that each 256 chunks of a pre-ack write wait for compares at the most; by default ${defaultDedup.latencyMs}`,
  },
  'soft-threshold': {
    type: 'number',
    describe: `Initiators are told when less than so many percent are free; by default ${defaultSoftThreshold}, 0: never`,
  },
  'log-level': {
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const,
    describe: 'Least severity that is logged, to stderr',
  },
} as const;

export function serveCommands(cli: Cli, local: Local, ended: (code: number) => void): void {
  cli
    .command(
      'serve',
      'Run one member in the foreground',
      (args) =>
        args
          .options({ ...store, ...network, ...behaviour })
          .config('config', 'JSON file with the same names as the flags', configFile),
      async (argv) => {
        ended(await local.serve(parsed(() => serveOptions(argv))));
      },
    )
    .command(
      'check',
      'Verify and recount a data directory that no member serves',
      (args) => args.options(store),
      async (argv) => {
        const options = parsed(() => storeOptions(argv));
        ended(await local.check(options, argv.json));
      },
    );
}
