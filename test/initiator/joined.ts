/**
 * Targets and pure initiators joined in memory, on a clock that stands still: what a test does has
 * all its consequences before the next line, unless the device server or a slow reader holds them up.
 */
import { Connection, type ConnectionHost } from '../../iscsi/session/connection.ts';
import { defaultLimits, type Limits } from '../../iscsi/session/limits.ts';
import { OutputBatch } from '../../iscsi/session/output-batch.ts';
import { SessionRegistry } from '../../iscsi/session/session-registry.ts';
import { TransferBudget } from '../../iscsi/session/transfer-budget.ts';
import type {
  Portal,
  Target,
  TargetAccess,
  TargetDirectory,
} from '../../iscsi/target/directory.ts';
import type { Logger, Random } from '../../src/base/ports.ts';
import { FakeDeviceServer } from '../fakes/fake-device-server.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { ScriptedInitiator, type Keys } from './scripted-initiator.ts';

export const TARGET = 'iqn.2026-01.org.example:disk';
export const INITIATOR = 'iqn.2026-01.org.example:host';

export const IDENTITY: Keys = [
  ['InitiatorName', INITIATOR],
  ['TargetName', TARGET],
  ['SessionType', 'Normal'],
];

export const DISCOVERY: Keys = [
  ['InitiatorName', INITIATOR],
  ['SessionType', 'Discovery'],
];

export const openAccess: TargetAccess = { open: true, allowed: [], chap: null, mutualChap: null };

export const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Counted up, so that a test knows what comes. */
export class CountedRandom implements Random {
  #next = 1;
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#next++ & 0xff);
  }
}

export type TargetOptions = Partial<Omit<Target, 'device' | 'luns'>>;

export class FakeDirectory implements TargetDirectory {
  ready = true;
  readonly targets: Target[] = [];
  readonly portalList: Portal[] = [];

  find(iqn: string): Target | null {
    return this.targets.find((target) => target.iqn === iqn) ?? null;
  }

  list(): readonly Target[] {
    return this.targets;
  }

  portals(): readonly Portal[] {
    return this.portalList;
  }

  add(options: TargetOptions = {}): FakeDeviceServer {
    const device = new FakeDeviceServer();
    const target = { iqn: TARGET, alias: '', access: openAccess, redirect: null, ...options };
    this.targets.push({ ...target, device, luns: () => [0] });
    return device;
  }
}

/** One connection with the two ends in hand. */
export class Joined implements ConnectionHost {
  readonly initiator: ScriptedInitiator;
  readonly connection: Connection;
  /** The initiator takes nothing from its socket. */
  slow = false;
  paused = false;
  closed = false;
  destroyed = false;
  writes = 0;
  readonly #clock: ManualClock;
  readonly #batch = new OutputBatch();
  #awaited: Uint8Array | null = null;

  constructor(clock: ManualClock, connect: (host: ConnectionHost) => Connection) {
    this.#clock = clock;
    this.connection = connect(this);
    this.initiator = new ScriptedInitiator((bytes) => this.arrive(bytes));
  }

  /** From the network: into the place that was awaited after the read before, else into one buffer for all. */
  arrive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.destroyed;) {
      const place = this.#awaited;
      const read = (place ?? new Uint8Array(bytes.length)).subarray(0, bytes.length - at);
      read.set(bytes.subarray(at, at + read.length));
      at += read.length;
      this.connection.receive(read);
      this.#awaited = this.connection.awaited;
      // As the server's one buffer for all reads is: written over by what comes next.
      if (place === null) read.fill(0xdb);
      this.#clock.settle();
    }
  }

  outputReady(): void {
    this.#clock.endOfTurn(() => this.#flush());
  }

  #flush(): void {
    if (this.slow || this.destroyed) return;
    this.#batch.clear();
    this.connection.fill(this.#batch);
    if (this.#batch.isEmpty) return;
    this.writes++;
    this.initiator.receive(Buffer.from(this.#batch.bytes));
    this.connection.taken();
  }

  /** The slow initiator takes one batch, or all there is from now on. */
  takeOne(): void {
    this.slow = false;
    this.#flush();
    this.slow = true;
  }

  takeAll(): void {
    this.slow = false;
    this.#flush();
    this.#clock.settle();
  }

  pauseReading(): void {
    this.paused = true;
  }

  resumeReading(): void {
    this.paused = false;
  }

  close(): void {
    this.closed = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  /** The network is gone. */
  cut(): void {
    this.destroyed = true;
    this.connection.lost();
    this.#clock.settle();
  }
}

export class World {
  readonly clock = new ManualClock();
  readonly directory = new FakeDirectory();
  readonly random = new CountedRandom();
  readonly links: Joined[] = [];
  readonly limits: Limits;
  readonly registry: SessionRegistry;
  readonly transfers: TransferBudget;

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...defaultLimits, ...limits };
    this.registry = new SessionRegistry(this.limits.maxSessions);
    this.transfers = new TransferBudget(this.limits.maxTotalTransferBytes);
  }

  connect(portal: Partial<Portal> = {}): Joined {
    const whole = { advertised: null, portalGroupTag: 1, loopback: true, ...portal };
    const link: Joined = new Joined(this.clock, (host) => {
      return new Connection({
        host,
        portal: whole,
        localAddress: { host: '127.0.0.1', port: 3260 },
        peerAddress: { host: '127.0.0.1', port: 50_000 + this.links.length },
        directory: this.directory,
        registry: this.registry,
        clock: this.clock,
        random: this.random,
        log: quiet,
        limits: this.limits,
        transfers: this.transfers,
        coldReset: (name) => {
          for (const { connection } of this.links) {
            if (connection.nexus?.targetName === name) connection.dropSession('cold reset');
          }
        },
      });
    });
    this.links.push(link);
    return link;
  }

  /** A session in full feature phase. */
  session(operational?: Keys): Joined {
    const link = this.connect();
    link.initiator.login(IDENTITY, operational);
    return link;
  }
}
