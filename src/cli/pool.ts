import { formatSize } from '../base/units.ts';
import { clientOf } from './command.ts';
import type { Cli } from './command.ts';
import { facts, print, table } from './output.ts';
import type { Cell } from './output.ts';
import { poolDedupCommand } from './dedup.ts';
import { scrubCommand, scrubLine } from './scrub.ts';
import type { ScrubProgressJson } from './scrub.ts';

interface StatusJson extends Readonly<Record<string, unknown>> {
  readonly uuid: string;
  readonly health: string;
  readonly dedupRatio: number;
  readonly compressionRatio: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly scrub: ScrubProgressJson;
}

const sizes = [
  ['capacity', 'capacityBytes'],
  ['used', 'usedBytes'],
  ['  stored', 'storedBytes'],
  ['  parity', 'parityBytes'],
  ['  metadata', 'metadataBytes'],
  ['  journal', 'journalBytes'],
  ['  dead', 'deadBytes'],
  ['  reserve', 'reserveBytes'],
  ['free', 'freeBytes'],
  ['logical', 'logicalBytes'],
  ['unique', 'uniqueBytes'],
] as const;

const ratio = (value: number): string => `${value.toFixed(2)}×`;

const status = (pool: StatusJson): string =>
  facts([
    ['pool', pool.uuid],
    ['health', pool.health],
    ...sizes.map(([name, field]) => [name, formatSize(Number(pool[field]))] as const),
    ['dedup', ratio(pool.dedupRatio)],
    ['compression', ratio(pool.compressionRatio)],
    ['scrub', scrubLine(pool.scrub)],
    ...Object.entries(pool.counters).flatMap(counterLine),
  ]);

/** None for what has not happened yet: there are many counters. */
function counterLine([name, count]: readonly [string, number]): (readonly [string, Cell])[] {
  if (count === 0) return [];
  return [[name, name.includes('Bytes') ? formatSize(count) : count]];
}

interface EventJson {
  readonly seq: number;
  readonly time: string;
  readonly severity: string;
  readonly type: string;
  readonly message: string;
}

const events = (all: readonly EventJson[]): string =>
  table(
    ['seq', 'time', 'severity', 'type', 'message'],
    all.map(({ seq, time, severity, type, message }) => [seq, time, severity, type, message]),
  );

export function poolCommands(cli: Cli): Cli {
  return poolDedupCommand(scrubCommand(cli))
    .command(
      'status',
      'Health and space',
      (args) => args,
      async (argv) => {
        print(argv.json, await clientOf(argv).get<StatusJson>('/pool'), status);
      },
    )
    .command(
      'events',
      'What happened, oldest first',
      (args) =>
        args
          .option('after', { type: 'number', describe: 'Those after this seq; else the newest' })
          .option('limit', { type: 'number', default: 100, describe: 'At most so many' }),
      async (argv) => {
        const after = argv.after === undefined ? '' : `&after=${argv.after}`;
        const path = `/pool/events?limit=${argv.limit}${after}`;
        print(argv.json, await clientOf(argv).get<EventJson[]>(path), events);
      },
    )
    .demandCommand(1, 'pool: name a command');
}

interface DiskJson {
  readonly id: string;
  readonly path: string;
  readonly class: string;
  readonly state: string;
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly errors: number;
}

export function diskCommands(cli: Cli): Cli {
  return cli
    .command(
      'list',
      'The disks of this member',
      (args) => args,
      async (argv) => {
        print(argv.json, await clientOf(argv).get<DiskJson[]>('/disks'), (disks) =>
          table(
            ['id', 'class', 'state', 'capacity', 'used', 'errors', 'path'],
            disks.map((disk) => [
              disk.id,
              disk.class,
              disk.state,
              formatSize(disk.capacityBytes),
              formatSize(disk.usedBytes),
              disk.errors,
              disk.path,
            ]),
          ),
        );
      },
    )
    .demandCommand(1, 'disk: name a command');
}

interface SessionJson {
  readonly initiator: string;
  readonly target: string;
  readonly portal: string;
  readonly peer: string;
  readonly isid: string;
  readonly tsih: number;
  readonly since: string;
  readonly luns: readonly number[];
}

export function sessionCommands(cli: Cli): Cli {
  return cli
    .command(
      'list',
      'Who is logged in',
      (args) => args,
      async (argv) => {
        print(argv.json, await clientOf(argv).get<SessionJson[]>('/sessions'), (sessions) =>
          table(
            ['initiator', 'target', 'portal', 'peer', 'isid', 'tsih', 'since', 'luns'],
            sessions.map((one) => [
              one.initiator,
              one.target,
              one.portal,
              one.peer,
              one.isid,
              one.tsih,
              one.since,
              one.luns.join(' '),
            ]),
          ),
        );
      },
    )
    .demandCommand(1, 'session: name a command');
}
