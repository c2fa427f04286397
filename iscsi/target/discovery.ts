/**
 * SendTargets [RFC 7143 Appendix C]: each TargetName is followed by its TargetAddresses,
 * `host:port,tag`.
 */
import type { TextKey } from '../login/text-keys.ts';
import { mayLogIn } from './access.ts';
import type { Portal, Target, TargetDirectory } from './directory.ts';
import { normalName } from './iscsi-name.ts';
import { formatAddress, type SocketAddress } from './portal-address.ts';

export interface Asker {
  readonly initiatorName: string;
  /** The portal that the connection came in on, and its own end of it. */
  readonly portal: Portal;
  readonly localAddress: SocketAddress;
}

/** The address by which the asker reaches this portal. */
const ownAddress = ({ portal, localAddress }: Asker): string =>
  portal.advertised ?? formatAddress(localAddress);

function addresses(directory: TargetDirectory, asker: Asker): string[] {
  const list = [`${ownAddress(asker)},${asker.portal.portalGroupTag}`];
  for (const { advertised, portalGroupTag, loopback } of directory.portals()) {
    if (advertised === null) continue;
    // What is only reachable on this machine is of no use to one that came from another.
    if (loopback && !asker.portal.loopback) continue;
    list.push(`${advertised},${portalGroupTag}`);
  }
  return [...new Set(list)];
}

function describe(target: Target, reachedAt: readonly string[]): TextKey[] {
  return [
    { key: 'TargetName', value: target.iqn },
    ...reachedAt.map((value) => ({ key: 'TargetAddress', value })),
  ];
}

/** All targets that the asker may log in to: what it may not is not shown. */
export function allTargets(directory: TargetDirectory, asker: Asker): TextKey[] {
  const reachedAt = addresses(directory, asker);
  return directory
    .list()
    .filter((target) => mayLogIn(target, asker.initiatorName, asker.portal))
    .flatMap((target) => describe(target, reachedAt));
}

/** One target by name; nothing when there is none that the asker may log in to. */
export function oneTarget(directory: TargetDirectory, asker: Asker, iqn: string): TextKey[] {
  const target = directory.find(normalName(iqn));
  if (target === null || !mayLogIn(target, asker.initiatorName, asker.portal)) return [];
  return describe(target, addresses(directory, asker));
}
