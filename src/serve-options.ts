/** What `serve` and `check` are told, parsed and checked: the command line makes it, `serve.ts` uses it. */
import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseHostPort } from './base/host-port.ts';
import type { HostPort } from './base/host-port.ts';
import { parseSize } from './base/units.ts';
import { MAX_TARGET_PORTS } from '../iscsi/scsi/target-port-groups.ts';
import { RequestError } from './request-error.ts';
import type { DedupSettings } from '../pool/types.ts';

export interface DiskOption {
  readonly path: string;
  readonly class: 'nvme' | 'ssd' | 'hdd';
  /** Null: 90 % of what is free at creation. */
  readonly sizeBytes: number | null;
}

export interface PortalOption extends HostPort {
  /** `host:port` under which initiators reach it, where that is another one. */
  readonly advertised: string | null;
}

export interface StoreOptions {
  readonly dataPath: string;
  readonly disks: readonly DiskOption[];
  readonly memoryBytes: number;
}

export interface ServeOptions extends StoreOptions {
  readonly portals: readonly PortalOption[];
  readonly api: HostPort;
  readonly apiTokenFile: string | null;
  readonly apiTls: { readonly certFile: string; readonly keyFile: string } | null;
  readonly acceptLoss: boolean;
  /** Made and exported when the pool has no volume yet. */
  readonly firstVolume: { readonly name: string; readonly sizeBytes: number } | null;
  /** Bytes a second that a scrub may read. */
  readonly scrubRateLimit: number;
  /** How duplicates of what is stored are looked for. */
  readonly dedupSettings: DedupSettings;
  /** How long a write waits at the most to be compared with what may be its duplicate. */
  readonly dedupLatencyMs: number;
  /** Share of the pool: when less is free, initiators are told. 0: never. */
  readonly lowSpaceShare: number;
  readonly logLevel: string;
}

/** The flags as yargs or a configuration file gives them. */
export interface StoreFlags {
  readonly data: string;
  readonly disk?: readonly string[] | undefined;
  readonly memory?: string | undefined;
}

export interface ServeFlags extends StoreFlags {
  readonly protect?: string | undefined;
  readonly portal?: readonly string[] | undefined;
  readonly api?: string | undefined;
  readonly apiTokenFile?: string | undefined;
  readonly apiTlsCert?: string | undefined;
  readonly apiTlsKey?: string | undefined;
  readonly acceptLoss?: boolean | undefined;
  readonly firstVolume?: string | undefined;
  readonly scrubRate?: string | undefined;
  readonly dedupRate?: string | undefined;
  readonly dedupQuiet?: number | undefined;
  readonly dedupShare?: number | undefined;
  readonly dedupLatency?: number | undefined;
  readonly softThreshold?: number | undefined;
  readonly logLevel?: string | undefined;
}

export const defaultPortal = '127.0.0.1:3260';
export const defaultApi = '127.0.0.1:8260';
export const defaultScrubRate = '128M';
/** Commands a second; percent of the time. */
export const defaultDedup = {
  rate: '8G',
  quietBelow: 100,
  sharePercent: 10,
  latencyMs: 1,
} as const;
/** Percent. */
export const defaultSoftThreshold = 10;
const minMemoryBytes = 64 * 1024 * 1024;
const shareOfMemory = 0.25;

const usage = (message: string): RequestError => new RequestError('invalid', message);

function sizeOf(text: string, flag: string): number {
  const bytes = parseSize(text);
  if (bytes === null || bytes === 0) {
    throw usage(`${flag}: '${text}' is not a size; sizes look like 10G, 512M, 4K or plain bytes`);
  }
  return bytes;
}

function shareOf(percent: number): number {
  if (percent >= 0 && percent <= 90) return percent / 100;
  throw usage(`--soft-threshold: ${percent} is not a percentage from 0 to 90`);
}

function latencyOf(milliseconds: number): number {
  if (milliseconds >= 0 && milliseconds <= 1000) return milliseconds;
  throw usage(`--dedup-latency: ${milliseconds} is not a number of milliseconds from 0 to 1000`);
}

function dedupSettingsOf({ dedupRate, dedupQuiet, dedupShare }: ServeFlags): DedupSettings {
  const { rate, quietBelow, sharePercent } = defaultDedup;
  const quiet = dedupQuiet ?? quietBelow;
  const percent = dedupShare ?? sharePercent;
  if (!(quiet >= 0)) throw usage(`--dedup-quiet: ${quiet} is not a number of commands a second`);
  if (!(percent >= 0 && percent <= 100)) {
    throw usage(`--dedup-share: ${percent} is not a percentage from 0 to 100`);
  }
  const rateLimit = sizeOf(dedupRate ?? rate, '--dedup-rate');
  return { rateLimit, quietBelow: quiet, loadShare: percent / 100 };
}

const isClass = (text: string): text is DiskOption['class'] =>
  text === 'nvme' || text === 'ssd' || text === 'hdd';

/** `DIR[=nvme|ssd|hdd][,size=S]` */
export function parseDisk(text: string): DiskOption {
  const sized = /^(.*?)(?:,size=([^,]*))?$/.exec(text);
  const [, place = '', size] = sized ?? [];
  const classed = /^(.*)=([^=/]*)$/.exec(place);
  const kind = classed?.[2] ?? 'ssd';
  const path = classed?.[1] ?? place;
  if (path === '' || path.includes(',')) {
    throw usage(`--disk: '${text}' does not look like DIR[=nvme|ssd|hdd][,size=S]`);
  }
  if (!isClass(kind)) throw usage(`--disk: '${kind}' is not a class; use nvme, ssd or hdd`);
  const sizeBytes = size === undefined ? null : sizeOf(size, '--disk');
  return { path: resolve(path), class: kind, sizeBytes };
}

function hostPortOf(text: string, flag: string): HostPort {
  const parsed = parseHostPort(text);
  if (parsed !== null) return parsed;
  throw usage(`${flag}: '${text}' is not host:port; IPv6 addresses stand in brackets: [::1]:3260`);
}

/** `H:P[=ADVERTISED]` */
export function parsePortal(text: string): PortalOption {
  const [address = '', advertised] = text.split('=', 2);
  const listen = hostPortOf(address, '--portal');
  if (advertised === undefined) return { ...listen, advertised: null };
  hostPortOf(advertised, '--portal');
  return { ...listen, advertised };
}

function memoryOf(text: string | undefined): number {
  if (text === undefined) return Math.max(minMemoryBytes, Math.floor(totalmem() * shareOfMemory));
  const bytes = sizeOf(text, '--memory');
  if (bytes < minMemoryBytes) throw usage(`--memory: ${text} is too little; use 64M or more`);
  return bytes;
}

export function storeOptions({ data, disk, memory }: StoreFlags): StoreOptions {
  if (data === '') throw usage('--data: names no directory');
  const dataPath = resolve(data);
  const disks = (disk ?? []).map(parseDisk);
  const paths = new Set(disks.map(({ path }) => path));
  if (paths.size < disks.length) throw usage('--disk: the same directory is given twice');
  const own: DiskOption = { path: resolve(dataPath, 'disk'), class: 'ssd', sizeBytes: null };
  return { dataPath, disks: disks.length === 0 ? [own] : disks, memoryBytes: memoryOf(memory) };
}

function firstVolumeOf(text: string | undefined): ServeOptions['firstVolume'] {
  if (text === undefined) return null;
  const [name = '', size = ''] = text.split('=', 2);
  return { name, sizeBytes: sizeOf(size, '--first-volume NAME=SIZE') };
}

function tlsOf({ apiTlsCert, apiTlsKey }: ServeFlags): ServeOptions['apiTls'] {
  if (apiTlsCert === undefined && apiTlsKey === undefined) return null;
  if (apiTlsCert !== undefined && apiTlsKey !== undefined) {
    return { certFile: apiTlsCert, keyFile: apiTlsKey };
  }
  throw usage('--api-tls-cert and --api-tls-key belong together; give both');
}

export function serveOptions(flags: ServeFlags): ServeOptions {
  const { protect, acceptLoss = false, logLevel = 'info' } = flags;
  if (protect !== undefined && protect !== 'none') {
    throw usage(
      `--protect: ${protect} is not available in this version; leave it out, or use none`,
    );
  }
  const portals = (flags.portal ?? [defaultPortal]).map(parsePortal);
  if (portals.length > MAX_TARGET_PORTS) {
    throw usage(`--portal: ${portals.length} are too many; give at most ${MAX_TARGET_PORTS}`);
  }
  return {
    ...storeOptions(flags),
    portals,
    api: hostPortOf(flags.api ?? defaultApi, '--api'),
    apiTokenFile: flags.apiTokenFile ?? null,
    apiTls: tlsOf(flags),
    acceptLoss,
    firstVolume: firstVolumeOf(flags.firstVolume),
    dedupSettings: dedupSettingsOf(flags),
    dedupLatencyMs: latencyOf(flags.dedupLatency ?? defaultDedup.latencyMs),
    scrubRateLimit: sizeOf(flags.scrubRate ?? defaultScrubRate, '--scrub-rate'),
    lowSpaceShare: shareOf(flags.softThreshold ?? defaultSoftThreshold),
    logLevel,
  };
}
