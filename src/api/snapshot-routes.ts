import type { FastifyInstance } from 'fastify';
import type { PoolControl, SnapshotInfo, VolumeInfo } from '../../pool/types.ts';
import { isoTime } from '../base/iso-time.ts';
import type { Backend } from './backend.ts';
import * as schemas from './schemas.ts';
import { volumeJson } from './volume-routes.ts';

interface Named {
  Params: { name: string };
}

interface Parts {
  readonly app: FastifyInstance;
  readonly backend: Backend;
  readonly pool: () => PoolControl;
  readonly json: (volume: VolumeInfo) => object;
}

const tags = ['snapshots'];
/** In one answer: it is made in one turn. */
const mostListed = 500;

const snapshotJson = (snapshot: SnapshotInfo): object => ({
  ...snapshot,
  createdAt: isoTime(snapshot.createdAtMs),
});

export function snapshotRoutes(
  app: FastifyInstance,
  backend: Backend,
  pool: () => PoolControl,
): void {
  const json = (volume: VolumeInfo): object => volumeJson(backend, pool(), volume);
  const parts: Parts = { app, backend, pool, json };

  app.get<{ Querystring: { volume?: string; after?: string; limit?: string } }>(
    '/snapshots',
    {
      schema: {
        tags,
        summary:
          `Snapshots of one volume, or of all, oldest first, at most ${mostListed}; the next call goes ` +
          'on after the last id',
        querystring: schemas.query({
          volume: schemas.volumeName,
          after: schemas.queryCount,
          limit: schemas.queryCount,
        }),
        response: { 200: schemas.snapshots },
      },
    },
    ({ query: { volume, after = 0, limit = mostListed } }) => {
      const page = { after: Number(after), limit: Math.min(Number(limit), mostListed) };
      return pool().snapshots(volume, page).map(snapshotJson);
    },
  );

  app.post<{ Body: { names: string[] } }>(
    '/snapshots',
    {
      schema: {
        tags,
        summary: 'Takes snapshots, VOLUME@SNAPSHOT, all at one instant',
        body: schemas.snapshotCreation,
        response: { 201: schemas.snapshots },
      },
    },
    async ({ body }, reply) => {
      const made = await pool().createSnapshots(body.names);
      return reply.code(201).send(made.map(snapshotJson));
    },
  );

  app.get<Named & { Querystring: { exact?: string } }>(
    '/snapshots/:name',
    {
      schema: {
        tags,
        summary: 'One snapshot; with exact, what its deletion frees is counted',
        querystring: schemas.query({ exact: schemas.queryFlag }),
        response: { 200: schemas.snapshot },
      },
    },
    async ({ params: { name }, query: { exact } }) =>
      snapshotJson(exact === 'true' ? await pool().snapshotExact(name) : pool().snapshot(name)),
  );

  removal(parts);
  use(parts);
}

function removal({ app, backend, pool }: Parts): void {
  app.delete<Named & { Querystring: { force?: string; wait?: string } }>(
    '/snapshots/:name',
    {
      schema: {
        tags,
        summary: 'Deletes a snapshot; with wait, until its space is free',
        querystring: schemas.query({ force: schemas.queryFlag, wait: schemas.queryFlag }),
        response: { 204: { type: 'null', description: 'Deleted' } },
      },
    },
    async ({ params: { name }, query }, reply) => {
      await backend.targets.removeSnapshot(name, { force: query.force === 'true' });
      if (query.wait === 'true') await pool().settle();
      return reply.code(204).send();
    },
  );
}

function use({ app, backend, pool, json }: Parts): void {
  app.post<Named & { Body: { force?: boolean; deleteLater?: boolean } }>(
    '/snapshots/:name/rollback',
    {
      schema: {
        tags,
        summary: 'Makes the volume what the snapshot is; what was written since is gone',
        body: schemas.rollback,
        response: { 200: schemas.volume },
      },
    },
    async ({ params: { name }, body }) => {
      const { force = false, deleteLater = false } = body;
      const options = { force, deleteLater };
      return json(await backend.targets.rollback(name, options));
    },
  );

  app.post<{ Body: { snapshot: string; name: string; export?: boolean } }>(
    '/clones',
    {
      schema: {
        tags,
        summary: 'Makes a volume that begins as the snapshot is, and exports it',
        body: schemas.cloneCreation,
        response: { 201: schemas.volume },
      },
    },
    async ({ body }, reply) => {
      const { snapshot, name, export: exported = true } = body;
      const make = (): Promise<VolumeInfo> => pool().cloneVolume(snapshot, name);
      const volume = await (exported ? backend.targets.createExported(name, make) : make());
      return reply.code(201).send(json(volume));
    },
  );
}
