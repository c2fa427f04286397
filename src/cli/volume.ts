import { formatSize } from '../base/units.ts';
import { bytesOf, clientOf, exact, given, segment } from './command.ts';
import type { Cli } from './command.ts';
import { CliError, Exit } from './exit.ts';
import { facts, print, table } from './output.ts';
import { remove } from './removal.ts';
import { volumeDedupCommand } from './dedup.ts';
import { reservationsCommand } from './reservations.ts';
import { rewriteCommand } from './rewrite.ts';

interface VolumeJson {
  readonly name: string;
  readonly id: number;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly uniqueBytes: number;
  readonly freeableBytes?: number;
  readonly snapshots: number;
  readonly dedup: string;
  readonly compression: string;
  readonly chunkSizeBytes: number;
  readonly blockSizeBytes: number;
  readonly durability: string;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly ejected: boolean;
  readonly target: string | null;
  readonly lun: number | null;
  readonly iscsiUrl: string | null;
  readonly naa: string;
  readonly createdAt: string;
  readonly state: string;
}

const stateOf = ({ state, readOnly, ejected }: VolumeJson): string =>
  [state, ...(readOnly ? ['read-only'] : []), ...(ejected ? ['ejected'] : [])].join(', ');

const list = (volumes: readonly VolumeJson[]): string =>
  table(
    [
      'name',
      'size',
      'used',
      'unique',
      'snapshots',
      'dedup',
      'compression',
      'state',
      'target',
      'lun',
    ],
    volumes.map((volume) => [
      volume.name,
      formatSize(volume.sizeBytes),
      formatSize(volume.usedBytes),
      `≤ ${formatSize(volume.uniqueBytes)}`,
      volume.snapshots,
      volume.dedup,
      volume.compression,
      stateOf(volume),
      volume.target,
      volume.lun,
    ]),
  );

const show = (volume: VolumeJson): string =>
  facts([
    ['name', volume.name],
    ['size', formatSize(volume.sizeBytes)],
    ['used', formatSize(volume.usedBytes)],
    ['unique', `≤ ${formatSize(volume.uniqueBytes)}`],
    ...(volume.freeableBytes === undefined
      ? []
      : [['freeable', formatSize(volume.freeableBytes)] as const]),
    ['snapshots', volume.snapshots],
    ['dedup', volume.dedup],
    ['compression', volume.compression],
    ['chunk size', formatSize(volume.chunkSizeBytes)],
    ['block size', volume.blockSizeBytes],
    ['durability', volume.durability],
    ['read-only', volume.readOnly ? 'yes' : 'no'],
    ['removable', volume.removable ? 'yes' : 'no'],
    ['target', volume.target],
    ['lun', volume.lun],
    ['url', volume.iscsiUrl],
    ['naa', volume.naa],
    ['created', volume.createdAt],
    ['state', stateOf(volume)],
  ]);

const dedupModes = ['pre-ack', 'on-ack', 'post-ack', 'post-process', 'off'] as const;
const durabilities = ['flush', 'sync'] as const;

const settings = {
  dedup: {
    choices: dedupModes,
    describe: 'When duplicates are looked for',
  },
  compression: { type: 'string', describe: 'lz4 (the default), zstd, zstd-1 to zstd-19, or off' },
  durability: {
    choices: durabilities,
    describe: 'flush: durable after a flush; sync: before every answer',
  },
  'read-only': { type: 'boolean', describe: 'Refuse writes' },
} as const;

function create(cli: Cli): void {
  cli.command(
    'create <name>',
    'Make a thin volume and export it as LUN 0 of a target of its own',
    (args) =>
      args
        .positional('name', { type: 'string', demandOption: true, describe: 'Name of the volume' })
        .option('size', { type: 'string', demandOption: true, describe: 'Size, as 10G' })
        .options(settings)
        .option('chunk-size', { type: 'string', describe: 'Unit of thin allocation, as 4K' })
        .option('block-size', {
          choices: [512, 4096] as const,
          type: 'number',
          describe: 'SCSI logical block',
        })
        .option('removable', {
          type: 'boolean',
          describe: 'A medium that initiators, and volume eject, can take out',
        })
        .option('export', {
          type: 'boolean',
          default: true,
          describe: 'Export it at once; --no-export: leave that to target map',
        }),
    async (argv) => {
      const { chunkSize } = argv;
      const body = given({
        name: argv.name,
        sizeBytes: bytesOf(argv.size, '--size'),
        dedup: argv.dedup,
        compression: argv.compression,
        chunkSizeBytes: chunkSize === undefined ? undefined : bytesOf(chunkSize, '--chunk-size'),
        blockSizeBytes: argv.blockSize,
        durability: argv.durability,
        readOnly: argv.readOnly,
        removable: argv.removable,
        export: argv.export,
      });
      const made = await clientOf(argv).send<VolumeJson>('POST', '/volumes', body);
      print(argv.json, made, ({ name, iscsiUrl }) =>
        iscsiUrl === null ? `created ${name}\n` : `created ${name}, served at ${iscsiUrl}\n`,
      );
    },
  );
}

function look(cli: Cli): void {
  cli
    .command(
      'list',
      'All volumes',
      (args) => args,
      async (argv) => {
        print(argv.json, await clientOf(argv).get<VolumeJson[]>('/volumes'), list);
      },
    )
    .command(
      'show <name>',
      'One volume',
      (args) =>
        args.positional('name', { type: 'string', demandOption: true }).option('exact', exact),
      async (argv) => {
        const path = `/volumes/${segment(argv.name)}?exact=${String(argv.exact)}`;
        print(argv.json, await clientOf(argv).get<VolumeJson>(path), show);
      },
    );
}

function change(cli: Cli): void {
  cli
    .command(
      'resize <name>',
      'Grow a volume; shrink it when told to',
      (args) =>
        args
          .positional('name', { type: 'string', demandOption: true })
          .option('size', { type: 'string', demandOption: true, describe: 'New size, as 20G' })
          .option('shrink', {
            type: 'boolean',
            default: false,
            describe: 'Cut off what lies beyond the new size, for good',
          }),
      async (argv) => {
        const body = { sizeBytes: bytesOf(argv.size, '--size'), shrink: argv.shrink };
        const path = `/volumes/${segment(argv.name)}/resize`;
        const volume = await clientOf(argv).send<VolumeJson>('POST', path, body);
        print(argv.json, volume, ({ name, sizeBytes }) => `${name} has ${formatSize(sizeBytes)}\n`);
      },
    )
    .command(
      'set <name>',
      'Change settings, for what is written from now on',
      (args) => args.positional('name', { type: 'string', demandOption: true }).options(settings),
      async (argv) => {
        const { dedup, compression, durability, readOnly } = argv;
        const body = given({ dedup, compression, durability, readOnly });
        if (Object.keys(body).length === 0) {
          throw new CliError(
            Exit.usage,
            'volume set: name a setting to change, as --durability sync',
          );
        }
        const path = `/volumes/${segment(argv.name)}`;
        print(argv.json, await clientOf(argv).send<VolumeJson>('PATCH', path, body), show);
      },
    );
}

function medium(cli: Cli): void {
  cli
    .command(
      'eject <name>',
      'Take the medium of a removable volume out',
      (args) =>
        args.positional('name', { type: 'string', demandOption: true }).option('force', {
          type: 'boolean',
          default: false,
          describe: 'Also while an initiator keeps it in',
        }),
      async (argv) => {
        const path = `/volumes/${segment(argv.name)}/eject`;
        const body = { force: argv.force };
        const volume = await clientOf(argv).send<VolumeJson>('POST', path, body);
        print(argv.json, volume, ({ name }) => `ejected ${name}\n`);
      },
    )
    .command(
      'load <name>',
      'Put the medium of a removable volume back',
      (args) => args.positional('name', { type: 'string', demandOption: true }),
      async (argv) => {
        const path = `/volumes/${segment(argv.name)}/load`;
        const volume = await clientOf(argv).send<VolumeJson>('POST', path, {});
        print(argv.json, volume, ({ name }) => `loaded ${name}\n`);
      },
    );
}

function removal(cli: Cli): void {
  cli.command(
    'delete <name>',
    'Delete a volume and the target it was given',
    (args) =>
      args
        .positional('name', { type: 'string', demandOption: true })
        .option('force', {
          type: 'boolean',
          default: false,
          describe: 'Also while sessions are logged in',
        })
        .option('with-snapshots', {
          type: 'boolean',
          default: false,
          describe: 'And all its snapshots; clones of them stay',
        })
        .option('wait', {
          type: 'boolean',
          default: false,
          describe: 'Return when its space is free',
        }),
    async (argv) => {
      const { name, force, wait, withSnapshots } = argv;
      const query = `force=${String(force)}&withSnapshots=${String(withSnapshots)}`;
      await remove(clientOf(argv), `/volumes/${segment(name)}?${query}`, wait);
      print(argv.json, { name, deleted: true }, () => `deleted ${name}\n`);
    },
  );
}

export function volumeCommands(cli: Cli): Cli {
  for (const add of [create, look, change, medium, removal]) add(cli);
  return volumeDedupCommand(rewriteCommand(reservationsCommand(cli))).demandCommand(
    1,
    'volume: name a command',
  );
}
