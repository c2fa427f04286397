/** `volume reservations`: shows what hosts have reserved, or ends it when a host died. */
import { clientOf, segment } from './command.ts';
import type { Cli } from './command.ts';
import { facts, print, table } from './output.ts';

interface ReservationsJson {
  readonly state: string;
  readonly generation: number;
  readonly survivesPowerLoss: boolean;
  readonly reservation: { readonly type: string; readonly key: string } | null;
  readonly reservedBy: string | null;
  readonly registrations: readonly {
    readonly initiator: string;
    readonly isid: string;
    readonly target: string;
    readonly portalGroupTag: number;
    readonly key: string;
    readonly holder: boolean;
  }[];
}

function show(found: ReservationsJson): string {
  const heads = facts([
    ['state', found.state],
    ['reservation', found.reservation?.type ?? null],
    ['key', found.reservation?.key ?? null],
    ['reserved by', found.reservedBy],
    ['outlives a restart', found.survivesPowerLoss ? 'yes' : 'no'],
    ['generation', found.generation],
  ]);
  if (found.registrations.length === 0) return heads;
  const rows = found.registrations.map((one) => [
    one.initiator,
    one.isid,
    one.target,
    one.portalGroupTag,
    one.key,
    one.holder ? 'yes' : '',
  ]);
  return `${heads}\n${table(['initiator', 'isid', 'target', 'portal group', 'key', 'holder'], rows)}`;
}

export function reservationsCommand(cli: Cli): Cli {
  return cli.command(
    'reservations <name>',
    'Show who has reserved a volume, or take all reservations away',
    (args) =>
      args.positional('name', { type: 'string', demandOption: true }).option('clear', {
        type: 'boolean',
        default: false,
        describe: 'End them all, as when the host that holds them died',
      }),
    async (argv) => {
      const { name } = argv;
      const path = `/volumes/${segment(name)}/reservations`;
      const client = clientOf(argv);
      if (!argv.clear) {
        print(argv.json, await client.get<ReservationsJson>(path), show);
        return;
      }
      await client.send('DELETE', path);
      print(argv.json, { name, cleared: true }, () => `cleared the reservations of ${name}\n`);
    },
  );
}
