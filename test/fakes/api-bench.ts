/** The REST API over a pool and targets in memory. */
import type { FastifyInstance } from 'fastify';
import type { SessionInfo } from '../../iscsi/server.ts';
import type { Backend } from '../../src/api/backend.ts';
import { makeApi } from '../../src/api/server.ts';
import type { ApiOptions } from '../../src/api/server.ts';
import { MemoryPool } from './memory-pool.ts';
import { quiet, targetBench } from './target-ports.ts';
import type { TargetBench } from './target-ports.ts';

export interface ApiBench {
  readonly app: FastifyInstance;
  readonly pool: MemoryPool;
  readonly targets: TargetBench;
  readonly bugs: unknown[];
  /** As `session list` shows them. */
  readonly sessions: SessionInfo[];
  recovering: boolean;
  draining: boolean;
}

export async function apiBench(options: Partial<ApiOptions> = {}): Promise<ApiBench> {
  const pool = new MemoryPool();
  const targets = await targetBench(pool);
  const bugs: unknown[] = [];
  const sessions: SessionInfo[] = [];
  const state = { recovering: false, draining: false };
  const backend: Backend = {
    pool: () => (state.recovering ? null : pool),
    ready: () => !state.recovering && !state.draining,
    targets: targets.service,
    reservations: targets.reservations,
    sessions: () => sessions,
    iscsiUrl: (iqn, lun) => `iscsi://127.0.0.1:3260/${iqn}/${lun}`,
    gauges: () => [],
  };
  const app = await makeApi(backend, {
    version: '0.0.0',
    log: quiet,
    token: null,
    tls: null,
    onBug: (error) => void bugs.push(error),
    ...options,
  });
  return Object.assign(state, { app, pool, targets, bugs, sessions });
}
