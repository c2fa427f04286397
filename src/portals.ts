/** The portals of a member: what it listens on, and under which addresses initiators reach it. */
import type { ListenPortal } from '../iscsi/server.ts';
import type { Portal } from '../iscsi/target/directory.ts';
import { formatAddress, isLoopbackHost } from '../iscsi/target/portal-address.ts';
import type { SocketAddress } from '../iscsi/target/portal-address.ts';
import type { ControlState } from './base/control-state.ts';
import { portalGroups } from './portal-groups.ts';
import type { PortalGroup } from './portal-groups.ts';
import type { PortalOption } from './serve-options.ts';

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

export class Portals {
  readonly #options: readonly PortalOption[];
  #groups: readonly PortalGroup<PortalOption>[] = [];
  #bound: readonly SocketAddress[] = [];

  constructor(options: readonly PortalOption[]) {
    this.#options = options;
  }

  async open(
    control: ControlState,
    listen: (portals: readonly ListenPortal[]) => Promise<SocketAddress[]>,
  ): Promise<void> {
    this.#groups = await portalGroups(control, this.#options);
    this.#bound = await listen(this.#groups);
  }

  directory(): readonly Portal[] {
    return this.#groups.map(({ host, advertised, portalGroupTag }, at) => {
      const bound = this.#bound[at];
      // What listens on all addresses has none of its own to show.
      const own = bound === undefined || isWildcard(host) ? null : formatAddress(bound);
      return { advertised: advertised ?? own, portalGroupTag, loopback: isLoopbackHost(host) };
    });
  }

  /** `iscsi://host:port/iqn/lun` over the first portal. */
  url(iqn: string | null, lun: number | null): string {
    const [first] = this.#options;
    const port = this.#bound[0]?.port ?? first?.port ?? 0;
    const host = first === undefined || isWildcard(first.host) ? '127.0.0.1' : first.host;
    const address = first?.advertised ?? formatAddress({ host, port });
    return iqn === null ? `iscsi://${address}` : `iscsi://${address}/${iqn}/${lun ?? 0}`;
  }
}
