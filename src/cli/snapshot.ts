import { formatSize } from '../base/units.ts';
import { clientOf, exact, given, segment } from './command.ts';
import type { Cli } from './command.ts';
import type { ApiClient } from './client.ts';
import { facts, print, table } from './output.ts';
import { remove } from './removal.ts';

interface SnapshotJson {
  readonly id: number;
  readonly name: string;
  readonly volume: string;
  readonly createdAt: string;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly uniqueBytes: number;
  readonly freeableBytes?: number;
  readonly clones: number;
  readonly state: string;
}

const list = (snapshots: readonly SnapshotJson[]): string =>
  table(
    ['name', 'size', 'used', 'unique', 'clones', 'created'],
    snapshots.map((one) => [
      one.name,
      formatSize(one.sizeBytes),
      formatSize(one.usedBytes),
      `≤ ${formatSize(one.uniqueBytes)}`,
      one.clones,
      one.createdAt,
    ]),
  );

const show = (one: SnapshotJson): string =>
  facts([
    ['name', one.name],
    ['volume', one.volume],
    ['size', formatSize(one.sizeBytes)],
    ['used', formatSize(one.usedBytes)],
    ['unique', `≤ ${formatSize(one.uniqueBytes)}`],
    ...(one.freeableBytes === undefined
      ? []
      : [['freeable', formatSize(one.freeableBytes)] as const]),
    ['clones', one.clones],
    ['created', one.createdAt],
    ['state', one.state],
  ]);

const pathOf = (name: string): string => `/snapshots/${segment(name)}`;
const snapshotArgument = {
  type: 'string',
  demandOption: true,
  describe: 'VOLUME@SNAPSHOT',
} as const;

function life(cli: Cli): void {
  cli
    .command(
      'create <snapshots..>',
      'Take snapshots of one or more volumes, all at one instant',
      (args) =>
        args.positional('snapshots', {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'VOLUME@SNAPSHOT, once or more',
        }),
      async (argv) => {
        const body = { names: argv.snapshots };
        const made = await clientOf(argv).send<SnapshotJson[]>('POST', '/snapshots', body);
        print(argv.json, made, (all) => all.map(({ name }) => `created ${name}\n`).join(''));
      },
    )
    .command(
      'delete <snapshot>',
      'Delete a snapshot; with clones of it, it goes when the last of them is gone',
      (args) =>
        args
          .positional('snapshot', snapshotArgument)
          .option('force', {
            type: 'boolean',
            default: false,
            describe: 'Also while it is mapped and sessions are logged in',
          })
          .option('wait', {
            type: 'boolean',
            default: false,
            describe: 'Return when its space is free',
          }),
      async (argv) => {
        const { snapshot: name, force, wait } = argv;
        await remove(clientOf(argv), `${pathOf(name)}?force=${String(force)}`, wait);
        print(argv.json, { name, deleted: true }, () => `deleted ${name}\n`);
      },
    );
}

/** Of a volume, or of all; asked for part by part. */
async function allOf(client: ApiClient, volume: string | undefined): Promise<SnapshotJson[]> {
  const of = volume === undefined ? '' : `&volume=${encodeURIComponent(volume)}`;
  const all: SnapshotJson[] = [];
  for (;;) {
    const path = `/snapshots?after=${all.at(-1)?.id ?? 0}${of}`;
    const part = await client.get<SnapshotJson[]>(path);
    if (part.length === 0) return all;
    all.push(...part);
  }
}

function look(cli: Cli): void {
  cli
    .command(
      'list [volume]',
      'Snapshots of a volume, or of all',
      (args) => args.positional('volume', { type: 'string' }),
      async (argv) => {
        print(argv.json, await allOf(clientOf(argv), argv.volume), list);
      },
    )
    .command(
      'show <snapshot>',
      'One snapshot',
      (args) => args.positional('snapshot', snapshotArgument).option('exact', exact),
      async (argv) => {
        const path = `${pathOf(argv.snapshot)}?exact=${String(argv.exact)}`;
        print(argv.json, await clientOf(argv).get<SnapshotJson>(path), show);
      },
    );
}

function rollback(cli: Cli): void {
  cli.command(
    'rollback <snapshot>',
    'Make the volume what the snapshot is; what was written since is gone',
    (args) =>
      args
        .positional('snapshot', snapshotArgument)
        .option('force', {
          type: 'boolean',
          default: false,
          describe: 'Also while sessions are logged in',
        })
        .option('delete-later', {
          type: 'boolean',
          default: false,
          describe: 'Lose the snapshots that were taken later',
        }),
    async (argv) => {
      const { snapshot, force, deleteLater } = argv;
      const path = `${pathOf(snapshot)}/rollback`;
      const volume = await clientOf(argv).send<object>('POST', path, { force, deleteLater });
      print(argv.json, volume, () => `rolled back to ${snapshot}\n`);
    },
  );
}

export function snapshotCommands(cli: Cli): Cli {
  for (const add of [life, look, rollback]) add(cli);
  return cli.demandCommand(1, 'snapshot: name a command');
}

export function cloneCommands(cli: Cli): Cli {
  return cli
    .command(
      'create <snapshot> <name>',
      'Make a volume that begins as a snapshot is, and export it',
      (args) =>
        args
          .positional('snapshot', snapshotArgument)
          .positional('name', {
            type: 'string',
            demandOption: true,
            describe: 'Name of the new volume',
          })
          .option('export', {
            type: 'boolean',
            default: true,
            describe: 'Export it at once; --no-export: leave that to target map',
          }),
      async (argv) => {
        const { snapshot, name } = argv;
        const body = given({ snapshot, name, export: argv.export });
        const made = await clientOf(argv).send<{ iscsiUrl: string | null }>(
          'POST',
          '/clones',
          body,
        );
        print(argv.json, made, ({ iscsiUrl }) =>
          iscsiUrl === null ? `created ${name}\n` : `created ${name}, served at ${iscsiUrl}\n`,
        );
      },
    )
    .demandCommand(1, 'clone: name a command');
}
