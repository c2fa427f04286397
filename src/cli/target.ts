import { clientOf, given, segment } from './command.ts';
import type { Cli, Globals } from './command.ts';
import { readSecret } from './client.ts';
import { CliError, Exit } from './exit.ts';
import { facts, print, table } from './output.ts';

interface TargetJson {
  readonly iqn: string;
  readonly open: boolean;
  readonly allowed: readonly string[];
  readonly chap: { readonly user: string; readonly mutualUser: string | null } | null;
  readonly luns: readonly { readonly lun: number; readonly volume: string }[];
  readonly redirect: string | null;
  readonly sessions: number;
  readonly state: string;
}

const lunsOf = ({ luns }: TargetJson): string =>
  luns.map(({ lun, volume }) => `${lun}=${volume}`).join(' ');

function accessOf({ open, allowed, chap }: TargetJson): string {
  const ways = [
    ...(open ? ['open'] : []),
    ...(allowed.length > 0 ? [`${allowed.length} allowed`] : []),
    ...(chap === null ? [] : [chap.mutualUser === null ? 'chap' : 'mutual chap']),
  ];
  return ways.length === 0 ? 'loopback' : ways.join(', ');
}

const list = (targets: readonly TargetJson[]): string =>
  table(
    ['iqn', 'luns', 'access', 'sessions', 'state'],
    targets.map((one) => [one.iqn, lunsOf(one), accessOf(one), one.sessions, one.state]),
  );

const show = (target: TargetJson): string =>
  facts([
    ['iqn', target.iqn],
    ['luns', lunsOf(target)],
    ['access', accessOf(target)],
    ['allowed', target.allowed.join(' ')],
    ['chap user', target.chap?.user ?? null],
    ['mutual user', target.chap?.mutualUser ?? null],
    ['redirect', target.redirect],
    ['sessions', target.sessions],
    ['state', target.state],
  ]);

const pathOf = (iqn: string): string => `/targets/${segment(iqn)}`;
const iqnArgument = { type: 'string', demandOption: true, describe: 'Name of the target' } as const;

async function say(argv: Globals, ...request: Parameters<ReturnType<typeof clientOf>['send']>) {
  print(argv.json, await clientOf(argv).send<TargetJson>(...request), show);
}

function lifeCommands(cli: Cli): void {
  cli
    .command(
      'create <iqn>',
      'Make a target without LUNs',
      (args) =>
        args.positional('iqn', iqnArgument).option('redirect', {
          type: 'string',
          describe: 'host:port to which logins are sent instead',
        }),
      async (argv) => {
        const { iqn, redirect } = argv;
        await say(argv, 'POST', '/targets', given({ iqn, redirect }));
      },
    )
    .command(
      'list',
      'All targets',
      (args) => args,
      async (argv) => {
        print(argv.json, await clientOf(argv).get<TargetJson[]>('/targets'), list);
      },
    )
    .command(
      'show <iqn>',
      'One target',
      (args) => args.positional('iqn', iqnArgument),
      async (argv) => {
        await say(argv, 'GET', pathOf(argv.iqn));
      },
    )
    .command(
      'delete <iqn>',
      'Delete a target; its volumes stay',
      (args) =>
        args.positional('iqn', iqnArgument).option('force', {
          type: 'boolean',
          default: false,
          describe: 'Also while sessions are logged in',
        }),
      async (argv) => {
        const { iqn, force } = argv;
        await clientOf(argv).send('DELETE', `${pathOf(iqn)}?force=${String(force)}`);
        print(argv.json, { iqn, deleted: true }, () => `deleted ${iqn}\n`);
      },
    );
}

function lunCommands(cli: Cli): void {
  cli
    .command(
      'map <iqn> <volume>',
      'Map a volume, or a snapshot read-only; without --lun as the lowest number that is free',
      (args) =>
        args
          .positional('iqn', iqnArgument)
          .positional('volume', {
            type: 'string',
            demandOption: true,
            describe: 'VOLUME or VOLUME@SNAPSHOT',
          })
          .option('lun', { type: 'number', describe: 'LUN, 0 to 16383' }),
      async (argv) => {
        const { iqn, volume, lun } = argv;
        await say(argv, 'POST', `${pathOf(iqn)}/luns`, given({ volume, lun }));
      },
    )
    .command(
      'unmap <iqn> [volume]',
      'Unmap a volume, or the LUN of --lun; the volume stays',
      (args) =>
        args
          .positional('iqn', iqnArgument)
          .positional('volume', { type: 'string' })
          .option('lun', { type: 'number', describe: 'LUN, 0 to 16383' }),
      async (argv) => {
        const { iqn } = argv;
        const lun = argv.lun ?? (await lunOf(argv, iqn, argv.volume));
        await say(argv, 'DELETE', `${pathOf(iqn)}/luns/${lun}`);
      },
    );
}

async function lunOf(argv: Globals, iqn: string, volume: string | undefined): Promise<number> {
  if (volume === undefined) {
    throw new CliError(Exit.usage, 'target unmap: name the volume, or the number with --lun');
  }
  const { luns } = await clientOf(argv).get<TargetJson>(pathOf(iqn));
  const mapped = luns.filter((one) => one.volume === volume);
  const [only] = mapped;
  if (only === undefined) throw new CliError(Exit.failed, `${volume} is no LUN of ${iqn}`);
  if (mapped.length === 1) return only.lun;
  throw new CliError(Exit.failed, `${volume} is mapped more than once; name one with --lun`);
}

function accessCommands(cli: Cli): void {
  cli
    .command(
      'allow <iqn> <initiator>',
      'Let an initiator in, by name',
      (args) =>
        args
          .positional('iqn', iqnArgument)
          .positional('initiator', { type: 'string', demandOption: true })
          .option('remove', {
            type: 'boolean',
            default: false,
            describe: 'Take it off the list; sessions that are logged in stay',
          }),
      async (argv) => {
        const path = `${pathOf(argv.iqn)}/allowed/${segment(argv.initiator)}`;
        await say(argv, argv.remove ? 'DELETE' : 'PUT', path);
      },
    )
    .command(
      'open <iqn>',
      'Let everyone in, from anywhere',
      (args) =>
        args.positional('iqn', iqnArgument).option('off', {
          type: 'boolean',
          default: false,
          describe: 'No longer',
        }),
      async (argv) => {
        await say(argv, 'PUT', `${pathOf(argv.iqn)}/open`, { open: !argv.off });
      },
    )
    .command(
      'chap <iqn>',
      'Ask for CHAP, one-way or mutual; secrets come from files',
      (args) =>
        args
          .positional('iqn', iqnArgument)
          .option('user', { type: 'string', describe: 'What the initiator calls itself' })
          .option('secret-file', { type: 'string', describe: 'Its secret, 12 bytes or more' })
          .option('mutual-user', { type: 'string', describe: 'What the target calls itself' })
          .option('mutual-secret-file', { type: 'string', describe: 'Its secret, another one' })
          .option('off', { type: 'boolean', describe: 'No longer ask for CHAP' })
          .conflicts('off', ['user', 'secret-file', 'mutual-user', 'mutual-secret-file']),
      async (argv) => {
        const path = `${pathOf(argv.iqn)}/chap`;
        if (argv.off === true) {
          await say(argv, 'DELETE', path);
          return;
        }
        await say(argv, 'PUT', path, chapBody(argv));
      },
    );
}

interface ChapFlags {
  readonly user: string | undefined;
  readonly secretFile: string | undefined;
  readonly mutualUser: string | undefined;
  readonly mutualSecretFile: string | undefined;
}

function chapBody({ user, secretFile, mutualUser, mutualSecretFile }: ChapFlags): object {
  if (user === undefined || secretFile === undefined) {
    throw new CliError(Exit.usage, 'target chap: give --user and --secret-file, or --off');
  }
  if ((mutualUser === undefined) !== (mutualSecretFile === undefined)) {
    throw new CliError(
      Exit.usage,
      'target chap: --mutual-user and --mutual-secret-file belong together',
    );
  }
  return given({
    user,
    secret: readSecret(secretFile, '--secret-file'),
    mutualUser,
    mutualSecret:
      mutualSecretFile === undefined
        ? undefined
        : readSecret(mutualSecretFile, '--mutual-secret-file'),
  });
}

export function targetCommands(cli: Cli): Cli {
  for (const add of [lifeCommands, lunCommands, accessCommands]) add(cli);
  return cli.demandCommand(1, 'target: name a command');
}
