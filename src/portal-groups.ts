/**
 * Portal group tags: each `--portal` is a portal group of its own, that is one SCSI target port of
 * every target [RFC 7143 §4.4.1.1, §4.4.2]. Hosts know a path and its reservations by the tag, so a
 * portal keeps for ever the one it got when it was first seen, from 1 on.
 */
import type { ControlChange, ControlState } from './base/control-state.ts';
import type { HostPort } from './base/host-port.ts';
import { RequestError } from './request-error.ts';

/** A tag per `host:port` that ever was a portal. */
export const portalPrefix = '/portal/';

/** 0 is no relative target port identifier [SPC-4], which the tag is too. */
const minTag = 1;
const maxTag = 0xffff;

/** Null: damaged, or no tag. */
function decodeTag(value: Uint8Array | null): number | null {
  const text = value === null ? '' : new TextDecoder().decode(value);
  const tag = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return tag >= minTag && tag <= maxTag ? tag : null;
}

export type PortalGroup<Portal extends HostPort> = Portal & { readonly portalGroupTag: number };

/** Portals on port 0 ("any that is free") may have the same address: they are told apart by number. */
function keyOf({ host, port }: HostPort, used: ReadonlySet<string>): string {
  const address = `${portalPrefix}${host}:${port}`;
  let key = address;
  for (let count = 2; used.has(key); count += 1) key = `${address}#${count}`;
  return key;
}

/** Portals never seen before get the lowest tags that none ever had. */
export async function portalGroups<Portal extends HostPort>(
  control: ControlState,
  portals: readonly Portal[],
): Promise<PortalGroup<Portal>[]> {
  const known = new Map<string, number>();
  for (const { key, value } of await control.list(portalPrefix)) {
    const tag = decodeTag(value);
    if (tag !== null) known.set(key, tag);
  }
  const taken = new Set(known.values());
  const changes: ControlChange[] = [];
  const used = new Set<string>();
  let next = minTag;
  const groups = portals.map((portal) => {
    const key = keyOf(portal, used);
    used.add(key);
    const before = known.get(key);
    if (before !== undefined) return { ...portal, portalGroupTag: before };
    while (taken.has(next)) next += 1;
    if (next > maxTag) {
      const message = `--portal: all ${maxTag} portal group tags are taken by portals of earlier starts; use one of their addresses`;
      throw new RequestError('invalid', message);
    }
    taken.add(next);
    changes.push({ kind: 'put', key, value: new TextEncoder().encode(String(next)) });
    return { ...portal, portalGroupTag: next };
  });
  if (changes.length > 0) await control.commit({ compares: [], changes });
  return groups;
}
