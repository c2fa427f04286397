/**
 * The only sockets of the iSCSI layer: listens on the portals and joins each connection's socket to
 * its core. Back-pressure goes both ways: one batch of output is in flight per connection and PDUs
 * are made only for the next one; and a connection that has too much unsent isn't read from.
 */
import { createServer, Socket, type BoundSocket, type Server } from 'node:net';
import { present } from '../src/base/assert.ts';
import { isoTime } from '../src/base/iso-time.ts';
import type { Clock, Logger, Random } from '../src/base/ports.ts';
import { BusyPoll } from './busy-poll.ts';
import { ReadBudget } from './read-budget.ts';
import { Connection, type ConnectionHost } from './session/connection.ts';
import { defaultLimits, type Limits } from './session/limits.ts';
import { OutputBatch } from './session/output-batch.ts';
import { SessionRegistry } from './session/session-registry.ts';
import { TransferBudget } from './session/transfer-budget.ts';
import type { Portal, TargetDirectory } from './target/directory.ts';
import { formatAddress, isLoopbackHost, type SocketAddress } from './target/portal-address.ts';
import { normalName } from './target/iscsi-name.ts';

export interface ListenPortal {
  /** IPv4, IPv6 without brackets, or a host name. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** `host:port` as initiators reach it; null: as they did. */
  readonly advertised: string | null;
  readonly portalGroupTag: number;
}

/** A session in full feature phase, as the list of sessions shows it. */
export interface SessionInfo {
  readonly initiator: string;
  readonly target: string;
  /** Address it came in on and address it came from, `host:port`. */
  readonly portal: string;
  readonly peer: string;
  readonly isid: string;
  readonly tsih: number;
  /** ISO 8601. */
  readonly since: string;
  readonly luns: readonly number[];
}

export interface IscsiServerOptions {
  readonly directory: TargetDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly limits?: Partial<Limits>;
}

/** What comes in one read at most: a few commands with 64 KiB of data each come in one piece. */
const READ_BYTES = 256 * 1024;
/** So much that is missing of a Data-Out is read by itself, right into its place; of less the copy costs no
 * more than the read. */
const LEAST_IN_PLACE_BYTES = 64 * 1024;
/** The header behind such a segment, with what may be around it. */
const HEADER_READ_BYTES = 1024;
/** How often a drain looks whether a session has fallen silent, and how long it lets it be so. */
const DRAIN_LOOK_MS = 25;
const DRAIN_IDLE_MS = 1000;
/** Batches kept for reuse; more are in use only while as many sockets are slow. */
const SPARE_BATCHES = 8;

export class IscsiServer {
  readonly #options: IscsiServerOptions;
  readonly #limits: Limits;
  readonly #registry: SessionRegistry;
  readonly #transfers: TransferBudget;
  readonly #listeners: Server[] = [];
  readonly #links = new Set<SocketLink>();
  readonly #spare: OutputBatch[] = [];
  readonly #reads: SharedReadBuffer;
  #whenEmpty: (() => void)[] = [];

  constructor(options: IscsiServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#registry = new SessionRegistry(this.#limits.maxSessions);
    this.#transfers = new TransferBudget(this.#limits.maxTotalTransferBytes);
    const busyPoll = new BusyPoll(options.clock, this.#limits.busyPollMs);
    this.#reads = new SharedReadBuffer(busyPoll, new ReadBudget(options.clock));
  }

  /** Gives the addresses in the order of the portals. If one can't be had, none is kept. */
  async listen(portals: readonly ListenPortal[]): Promise<SocketAddress[]> {
    try {
      const addresses: SocketAddress[] = [];
      for (const portal of portals) addresses.push(await this.#listenOn(portal));
      return addresses;
    } catch (error) {
      this.#stopListening();
      throw error;
    }
  }

  #listenOn({ host, port, advertised, portalGroupTag }: ListenPortal): Promise<SocketAddress> {
    const portal: Portal = { advertised, portalGroupTag, loopback: isLoopbackHost(host) };
    const listener = createServer(
      { noDelay: true, keepAlive: true, pauseOnConnect: true },
      (socket) => {
        this.#accept(socket, portal);
      },
    );
    this.#listeners.push(listener);
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ host, port }, () => {
        listener.off('error', reject);
        listener.on('error', (error) => {
          this.#options.log.warn({ error: error.message }, 'a portal could not accept');
        });
        const address = listener.address();
        const bound = address !== null && typeof address === 'object' ? address : null;
        resolve({ host: bound?.address ?? host, port: bound?.port ?? port });
      });
    });
  }

  #accept(socket: Socket, portal: Portal): void {
    const { log, directory, clock, random } = this.#options;
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    const known = localAddress !== undefined && remoteAddress !== undefined;
    if (!known || this.#halfOpen() >= this.#limits.maxHalfOpenLogins) {
      log.warn({ peer: remoteAddress }, 'connection refused: too many logins are under way');
      socket.destroy();
      return;
    }
    const link: SocketLink = new SocketLink(socket, this.#reads, this, clock, (host) => {
      return new Connection({
        host,
        portal,
        localAddress: { host: localAddress, port: localPort ?? 0 },
        peerAddress: { host: remoteAddress, port: remotePort ?? 0 },
        directory,
        registry: this.#registry,
        clock,
        random,
        log,
        limits: this.#limits,
        transfers: this.#transfers,
        coldReset: (targetName) => {
          this.#dropSessions(targetName, 'target cold reset');
        },
      });
    });
    this.#links.add(link);
  }

  #halfOpen(): number {
    let count = 0;
    for (const { connection } of this.#links) if (connection.tsih === 0) count++;
    return count;
  }

  /** Of a link: its socket is closed. */
  gone(link: SocketLink): void {
    this.#links.delete(link);
    if (this.#links.size > 0) return;
    for (const empty of this.#whenEmpty.splice(0)) empty();
  }

  takeBatch(): OutputBatch {
    return this.#spare.pop() ?? new OutputBatch();
  }

  giveBack(batch: OutputBatch): void {
    batch.clear();
    if (this.#spare.length < SPARE_BATCHES) this.#spare.push(batch);
  }

  /** Normal sessions, oldest first. */
  sessions(): SessionInfo[] {
    return [...this.#links].flatMap(({ connection }) => sessionInfo(connection));
  }

  sessionsOf(iqn: string): SessionInfo[] {
    const name = normalName(iqn);
    return this.sessions().filter(({ target }) => normalName(target) === name);
  }

  /** Ends all sessions of a target. Their initiators are told. */
  dropSessionsOf(iqn: string): void {
    this.#dropSessions(iqn, 'by the operator');
  }

  #dropSessions(targetName: string, reason: string): void {
    const name = normalName(targetName);
    for (const { connection } of [...this.#links]) {
      const { nexus } = connection;
      if (nexus !== null && normalName(nexus.targetName) === name) connection.dropSession(reason);
    }
  }

  /**
   * Takes no new connections, asks initiators to log out, lets running commands finish. Sessions
   * that fall silent are dropped soon, all others when `deadlineMs` have passed. Resolves when no
   * connection is left.
   */
  async drain(deadlineMs: number): Promise<void> {
    const { clock } = this.#options;
    const startMs = clock.nowMs();
    this.#stopListening();
    for (const { connection } of [...this.#links]) {
      if (connection.tsih === 0) connection.dropSession('shutting down');
      else connection.requestLogout(Math.ceil(deadlineMs / 1000));
    }
    const look = (): void => {
      const elapsedMs = clock.nowMs() - startMs;
      const over = elapsedMs >= deadlineMs;
      const patient = elapsedMs < Math.min(DRAIN_IDLE_MS, deadlineMs / 2);
      for (const { connection } of [...this.#links]) {
        if (over || (!patient && connection.isIdle)) connection.dropSession('shutting down');
      }
      if (!over) timer = clock.after(DRAIN_LOOK_MS, look);
    };
    let timer = clock.after(DRAIN_LOOK_MS, look);
    await this.#empty();
    timer.cancel();
  }

  /** At once: every connection is cut. */
  async close(): Promise<void> {
    this.#stopListening();
    for (const link of [...this.#links]) link.destroy();
    await this.#empty();
  }

  #empty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#links.size === 0) resolve();
      else this.#whenEmpty.push(resolve);
    });
  }

  #stopListening(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }
}

function sessionInfo(connection: Connection): SessionInfo[] {
  const { nexus, identity, options } = connection;
  if (nexus === null || !connection.inFullFeature) return [];
  return [
    {
      initiator: nexus.initiatorName,
      target: nexus.targetName,
      portal: formatAddress(options.localAddress),
      peer: formatAddress(options.peerAddress),
      isid: nexus.isid,
      tsih: connection.tsih,
      since: isoTime(connection.sinceMs),
      luns: identity?.target?.luns() ?? [],
    },
  ];
}

/** One socket and its connection. */
class SocketLink implements ConnectionHost, Reader {
  readonly connection: Connection;
  readonly #socket: Socket;
  readonly #server: IscsiServer;
  readonly #clock: Clock;
  #flushing = false;
  #inFlight: OutputBatch | null = null;
  /** By the connection. */
  #paused = false;
  /** Until the next turn. */
  #rests = false;

  constructor(
    accepted: Socket,
    reads: SharedReadBuffer,
    server: IscsiServer,
    clock: Clock,
    connect: (host: ConnectionHost) => Connection,
  ) {
    const socket = reads.adopt(accepted, this);
    this.#socket = socket;
    this.#server = server;
    this.#clock = clock;
    this.connection = connect(this);
    socket.on('error', () => {
      socket.destroy();
    });
    socket.on('close', () => {
      this.connection.lost();
      this.#server.gone(this);
    });
  }

  /** All that one turn has produced leaves in one write; of a busy session, all that the events
   * waiting now produce, since a write costs more than what it carries. */
  outputReady(urgent: boolean): void {
    if (this.#flushing) return;
    this.#flushing = true;
    if (this.#inFlight !== null) return;
    if (urgent) this.#clock.endOfTurn(this.#flush);
    else this.#clock.nextTurn(this.#flush);
  }

  readonly #flush = (): void => {
    // One batch at a time is with the socket: `#written` goes on with what has come since.
    if (this.#inFlight !== null) return;
    this.#flushing = false;
    if (this.#socket.destroyed) return;
    const batch = this.#server.takeBatch();
    this.connection.fill(batch);
    if (batch.isEmpty) {
      this.#server.giveBack(batch);
      return;
    }
    this.#inFlight = batch;
    this.#socket.write(batch.bytes, this.#written);
  };

  readonly #written = (error?: Error | null): void => {
    if (error) return;
    const batch = this.#inFlight;
    this.#inFlight = null;
    // After an error the kernel may yet hold the buffer: it is left to the garbage collector.
    if (batch === null || this.#socket.destroyed) return;
    this.#server.giveBack(batch);
    this.connection.taken();
    if (this.#flushing) this.#flush();
  };

  received(bytes: Uint8Array): void {
    this.connection.receive(bytes);
  }

  awaited(): Uint8Array | null {
    return this.connection.awaited;
  }

  rest(): void {
    this.#rests = true;
  }

  readOn(): void {
    this.#rests = false;
    if (!this.#paused && !this.#socket.destroyed) this.#socket.resume();
  }

  pauseReading(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#paused = false;
    if (!this.#rests) this.#socket.resume();
  }

  close(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Of Node, beside what its types say: the socket's handle, and a socket made of one. */
interface WithHandle {
  _handle: BoundSocket | null;
}

/** Who gets what a socket reads. */
interface Reader {
  /** The bytes are good only during the call, but for those that lie where they were awaited. */
  received(bytes: Uint8Array): void;
  /** Where the bytes that come next belong, if that is known; not used otherwise before they are there. */
  awaited(): Uint8Array | null;
  /** Nothing is read before `readOn`. */
  rest(): void;
  readOn(): void;
}

/**
 * Sockets whose bytes come into one buffer, but for those of large data segments, which the kernel puts in their
 * place. A stream of Node takes 64 KiB of fresh memory for each read, which was the larger part of what the garbage
 * collector had to do; here nothing is allocated, and a session that says nothing costs no buffer. It works because
 * a connection looks at what came before the call returns and holds none of it, and because reads are one after the
 * other.
 */
class SharedReadBuffer {
  readonly #whole = new Uint8Array(new ArrayBuffer(READ_BYTES));
  readonly #header = this.#whole.subarray(0, HEADER_READ_BYTES);
  readonly #busyPoll: BusyPoll;
  readonly #budget: ReadBudget;

  constructor(busyPoll: BusyPoll, budget: ReadBudget) {
    this.#busyPoll = busyPoll;
    this.#budget = budget;
  }

  /**
   * Takes the place of a socket that was accepted with `pauseOnConnect`, which is destroyed without its
   * connection.
   */
  adopt(accepted: Socket, reader: Reader): Socket {
    const shell = accepted as unknown as WithHandle;
    const handle = present(shell._handle, 'an accepted socket has its handle');
    const readOn = (): void => {
      reader.readOn();
    };
    let next: Uint8Array = this.#whole;
    const onread = {
      // Asked for at the start and when `callback` has returned: the next read goes there whenever it is.
      buffer: () => next,
      callback: (count: number, buffer: Uint8Array): boolean => {
        reader.received(buffer.subarray(0, count));
        next = this.#after(buffer, reader.awaited());
        this.#busyPoll.heard();
        if (this.#budget.takes(count, readOn)) return true;
        reader.rest();
        return false;
      },
    };
    const socket = new Socket({ handle, onread });
    shell._handle = null;
    accepted.destroy();
    return socket;
  }

  /** Where to read after a read into `last`. Large segments come one behind the other: what follows one is read
   * only as far as the next header goes, so that the data behind it can be read into their place too. */
  #after(last: Uint8Array, awaited: Uint8Array | null): Uint8Array {
    const inPlace = last !== this.#whole && last !== this.#header;
    if (awaited !== null) {
      return inPlace || awaited.length >= LEAST_IN_PLACE_BYTES ? awaited : this.#whole;
    }
    return inPlace ? this.#header : this.#whole;
  }
}
