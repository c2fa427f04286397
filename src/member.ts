/**
 * One member, wired together. Order matters: locks first, then the API and the portals,
 * which answer while the pool recovers (503, and 0301 to logins), then the pool, then the targets.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { InvariantError } from './base/assert.ts';
import type { ControlState } from './base/control-state.ts';
import { IscsiServer } from '../iscsi/server.ts';
import { LogicalUnits } from '../iscsi/scsi/logical-units.ts';
import { ScsiTarget } from '../iscsi/scsi/scsi-target.ts';
import { formatAddress, isLoopbackHost } from '../iscsi/target/portal-address.ts';
import { openPool } from '../pool/pool.ts';
import type { Pool } from '../pool/pool.ts';
import type { Backend, Gauge } from './api/backend.ts';
import { makeApi } from './api/server.ts';
import { createVolume } from './api/volume-routes.ts';
import { identityOf, product } from './identity.ts';
import { listenFault } from './listen-fault.ts';
import { RealClock } from './io/real-clock.ts';
import { RealRandom } from './io/real-random.ts';
import type { ProcessLogger } from './io/logger.ts';
import { openSecretBox } from './io/secret-box.ts';
import { Portals } from './portals.ts';
import { processGauges } from './process-gauges.ts';
import { RequestError } from './request-error.ts';
import type { ServeOptions } from './serve-options.ts';
import { keyFile, lockStore, openControl, poolPorts } from './store.ts';
import type { LockedStore } from './store.ts';
import { ReservationBook } from './targets/reservation-book.ts';
import { ReservationService } from './targets/reservation-service.ts';
import { TargetService } from './targets/target-service.ts';
import { unitGauges } from './unit-gauges.ts';
import { VolumeDevice } from './volume-device.ts';

export interface Surroundings {
  readonly version: string;
  readonly log: ProcessLogger;
  /** The ready line, the only thing that goes to stdout. */
  readonly announce: (line: string) => void;
  /** A bug: never returns to what it was called from as if nothing had happened. */
  readonly onBug: (error: unknown) => void;
}

export class Member {
  readonly #options: ServeOptions;
  readonly #surroundings: Surroundings;
  readonly #store: LockedStore;
  readonly #security: ApiSecurity;
  readonly #control: ControlState;
  readonly #targets: TargetService;
  readonly #units: LogicalUnits;
  readonly #reservations: ReservationService;
  readonly #iscsi: IscsiServer;
  readonly #portals: Portals;
  #api: FastifyInstance | null = null;
  #pool: Pool | null = null;
  #draining = false;

  private constructor(parts: {
    options: ServeOptions;
    surroundings: Surroundings;
    security: ApiSecurity;
    store: LockedStore;
    control: ControlState;
    secrets: Awaited<ReturnType<typeof openSecretBox>>;
  }) {
    const { options, surroundings, security, store, control, secrets } = parts;
    const { log } = surroundings;
    this.#options = options;
    this.#surroundings = surroundings;
    this.#security = security;
    this.#store = store;
    this.#control = control;
    this.#portals = new Portals(options.portals);
    const clock = new RealClock();
    const random = new RealRandom();
    const book = new ReservationBook(control, log);
    const units = new LogicalUnits({
      ...product,
      clock,
      random,
      reservations: book,
      targetPorts: () => this.#portals.directory().map(({ portalGroupTag }) => portalGroupTag),
    });
    this.#units = units;
    this.#reservations = new ReservationService(book, units);
    this.#targets = new TargetService({
      control,
      secrets,
      log,
      makeDevice: () => new ScsiTarget(units),
      units,
      reservations: this.#reservations,
      portals: () => this.#portals.directory(),
      sessionCount: (iqn) => this.#iscsi.sessionsOf(iqn).length,
      dropSessions: (iqn) => this.#iscsi.dropSessionsOf(iqn),
    });
    this.#iscsi = new IscsiServer({
      directory: this.#targets,
      clock,
      random,
      log,
      // On a single core the initiator or the disk may be waiting for the time that polling takes.
      limits: availableParallelism() > 1 ? {} : { busyPollMs: 0 },
    });
  }

  /** Locks the directories and opens what is small. */
  static async open(options: ServeOptions, surroundings: Surroundings): Promise<Member> {
    const security = apiSecurity(options);
    const store = await lockStore(options, 'serve');
    try {
      const { acceptLoss } = options;
      const control = await openControl(store.dataPath, { acceptLoss, log: surroundings.log });
      const secrets = await openSecretBox(join(store.dataPath, keyFile));
      return new Member({ options, surroundings, security, store, control, secrets });
    } catch (error) {
      await store.unlock();
      throw error;
    }
  }

  /** Opens API and portals, recovers the pool, opens the targets; then it serves. */
  async start(): Promise<void> {
    const { log, announce } = this.#surroundings;
    const apiUrl = await this.#openApi();
    await this.#portals.open(this.#control, (portals) =>
      this.#iscsi.listen(portals).catch((error: unknown) => {
        throw listenFault('--portal', error);
      }),
    );
    const { memoryBytes, acceptLoss, scrubRateLimit, lowSpaceShare } = this.#options;
    const { dedupSettings, dedupLatencyMs } = this.#options;
    const ports = await poolPorts(this.#store, log);
    const pool = await openPool(ports, {
      memoryBytes,
      acceptLoss,
      scrubRateLimit,
      dedupSettings,
      dedupLatencyMs,
      lowSpaceShare,
    });
    this.#pool = pool;
    const { uuid } = pool;
    const deviceFor = (name: string): VolumeDevice => {
      const volume = name.includes('@') ? pool.openSnapshot(name) : pool.openVolume(name);
      const identity = identityOf({ poolUuid: uuid, volumeId: volume.id, name });
      return new VolumeDevice(volume, identity, pool);
    };
    pool.onLowSpace = () => {
      this.#targets.spaceLow();
    };
    await this.#targets.attach({ pool, deviceFor });
    await this.#makeFirstVolume(pool);
    announce(`ready ${this.#firstUrl(pool)} api ${apiUrl}`);
  }

  /** Lets what was accepted finish, for so long; then a checkpoint, and the directories are free. */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    this.#targets.refuseLogins();
    await this.#iscsi.drain(deadlineMs);
    await this.#api?.close();
    await new Promise<void>((resolve) => {
      this.#units.rest(resolve);
    });
    await this.#pool?.close();
    await this.#control.close();
    await this.#store.unlock();
  }

  async #openApi(): Promise<string> {
    const { api, memoryBytes } = this.#options;
    const { token, tls } = this.#security;
    const { version, log, onBug } = this.#surroundings;
    const ofProcess = processGauges(memoryBytes);
    const units = this.#units;
    function* gauges(): Generator<Gauge> {
      yield* ofProcess();
      yield* unitGauges(units);
    }
    const backend: Backend = { ...this.#backend(), gauges };
    this.#api = await makeApi(backend, {
      version,
      log,
      token,
      tls,
      onBug: (error) => {
        // Other bugs of a handler cost its request; a broken invariant costs the process.
        if (error instanceof InvariantError) onBug(error);
      },
    });
    try {
      await this.#api.listen({ host: api.host, port: api.port });
    } catch (error) {
      throw listenFault('--api', error);
    }
    const bound = this.#api.server.address();
    const port = bound !== null && typeof bound === 'object' ? bound.port : api.port;
    return `${tls === null ? 'http' : 'https'}://${formatAddress({ host: api.host, port })}`;
  }

  #backend(): Omit<Backend, 'gauges'> {
    return {
      pool: () => (this.#targets.ready || this.#draining ? this.#pool : null),
      ready: () => this.#targets.ready,
      targets: this.#targets,
      reservations: this.#reservations,
      sessions: () => this.#iscsi.sessions(),
      iscsiUrl: (iqn, lun) => this.#portals.url(iqn, lun),
    };
  }

  async #makeFirstVolume(pool: Pool): Promise<void> {
    const { firstVolume } = this.#options;
    if (firstVolume === null || pool.volumes().length > 0) return;
    await createVolume({ ...this.#backend(), gauges: () => [] }, pool, firstVolume);
  }

  /** Of the oldest volume that is exported; of the portal alone when none is. */
  #firstUrl(pool: Pool): string {
    const oldestFirst = [...pool.volumes()].sort((a, b) => a.id - b.id);
    for (const { id } of oldestFirst) {
      const map = this.#targets.mapsOf(id)[0];
      if (map !== undefined) return this.#portals.url(map.iqn, map.lun);
    }
    return this.#portals.url(null, null);
  }
}

interface ApiSecurity {
  readonly token: string | null;
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

/** Reads the files that the API is guarded with; refuses to be open to other machines without. */
function apiSecurity({ api, apiTokenFile, apiTls }: ServeOptions): ApiSecurity {
  const token = apiTokenFile === null ? null : readFile(apiTokenFile, '--api-token-file').trim();
  if (token === '') {
    throw new RequestError('invalid', `--api-token-file: ${String(apiTokenFile)} is empty`);
  }
  if (!isLoopbackHost(api.host) && (token === null || apiTls === null)) {
    const message = `--api: ${api.host} is reachable from outside; give --api-token-file, --api-tls-cert and --api-tls-key, or listen on 127.0.0.1`;
    throw new RequestError('invalid', message);
  }
  const tls =
    apiTls === null
      ? null
      : {
          cert: readFile(apiTls.certFile, '--api-tls-cert'),
          key: readFile(apiTls.keyFile, '--api-tls-key'),
        };
  return { token, tls };
}

function readFile(path: string, flag: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RequestError('invalid', `${flag}: ${reason}`, error);
  }
}
