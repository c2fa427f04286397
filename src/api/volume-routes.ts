import type { FastifyInstance } from 'fastify';
import { identityOf } from '../identity.ts';
import type { PoolControl, VolumeInfo, VolumeSpec } from '../../pool/types.ts';
import type { Backend } from './backend.ts';
import { volumeJobs } from './volume-jobs.ts';
import * as schemas from './schemas.ts';

export interface VolumeCreation
  extends Pick<VolumeSpec, 'name' | 'sizeBytes'>, Partial<Omit<VolumeSpec, 'name' | 'sizeBytes'>> {
  /** As LUN 0 of a target of its own; so unless false. */
  readonly export?: boolean;
}

type Changes = Partial<Pick<VolumeSpec, 'dedup' | 'compression' | 'durability' | 'readOnly'>>;

const defaults: Omit<VolumeSpec, 'name' | 'sizeBytes'> = {
  chunkSizeBytes: 4096,
  blockSizeBytes: 512,
  dedup: 'pre-ack',
  compression: 'lz4',
  durability: 'flush',
  readOnly: false,
  removable: false,
};

export function createVolume(
  backend: Backend,
  pool: PoolControl,
  creation: VolumeCreation,
): Promise<VolumeInfo> {
  const { export: exported = true, ...fields } = creation;
  const spec = { ...defaults, ...fields };
  const make = (): Promise<VolumeInfo> => pool.createVolume(spec);
  return exported ? backend.targets.createExported(spec.name, make) : make();
}

export function volumeJson(backend: Backend, pool: PoolControl, volume: VolumeInfo): object {
  const { id, name, createdAtMs } = volume;
  const map = backend.targets.mapsOf(id)[0];
  const { naa } = identityOf({ poolUuid: pool.uuid, volumeId: id, name });
  return {
    ...volume,
    target: map?.iqn ?? null,
    lun: map?.lun ?? null,
    iscsiUrl: map === undefined ? null : backend.iscsiUrl(map.iqn, map.lun),
    naa: Buffer.from(naa).toString('hex'),
    createdAt: new Date(createdAtMs).toISOString(),
  };
}

type ServingPool = () => PoolControl;
interface Named {
  Params: { name: string };
}

export function volumeRoutes(app: FastifyInstance, backend: Backend, pool: ServingPool): void {
  const json = (volume: VolumeInfo): object => volumeJson(backend, pool(), volume);
  const tags = ['volumes'];

  app.get(
    '/volumes',
    { schema: { tags, summary: 'All volumes', response: { 200: schemas.volumes } } },
    () => pool().volumes().map(json),
  );

  app.get<Named & { Querystring: { exact?: string } }>(
    '/volumes/:name',
    {
      schema: {
        tags,
        summary: 'One volume; with exact, what its deletion frees is counted',
        querystring: schemas.query({ exact: schemas.queryFlag }),
        response: { 200: schemas.volume },
      },
    },
    async ({ params: { name }, query: { exact } }) =>
      json(exact === 'true' ? await pool().volumeExact(name) : pool().volume(name)),
  );

  app.post<{ Body: VolumeCreation }>(
    '/volumes',
    {
      schema: {
        tags,
        summary: 'Makes a thin volume and exports it',
        body: schemas.volumeCreation,
        response: { 201: schemas.volume },
      },
    },
    async ({ body }, reply) => {
      const volume = await createVolume(backend, pool(), body);
      return reply.code(201).send(json(volume));
    },
  );

  oneVolumeRoutes(app, backend, pool, json);
  removal(app, backend, pool);
  volumeJobs(app, pool);
}

function oneVolumeRoutes(
  app: FastifyInstance,
  backend: Backend,
  pool: ServingPool,
  json: (volume: VolumeInfo) => object,
): void {
  const tags = ['volumes'];
  const changed = (volume: VolumeInfo): object => {
    backend.targets.volumeChanged(volume.id);
    return json(volume);
  };

  app.patch<Named & { Body: Changes }>(
    '/volumes/:name',
    {
      schema: {
        tags,
        summary: 'Changes settings; they hold for what is written from now on',
        body: schemas.volumeChanges,
        response: { 200: schemas.volume },
      },
    },
    async ({ params, body }) => {
      return changed(await pool().setVolume(params.name, body));
    },
  );

  for (const [verb, ejected] of [
    ['eject', true],
    ['load', false],
  ] as const) {
    app.post<Named & { Body: { force?: boolean } | null }>(
      `/volumes/:name/${verb}`,
      {
        schema: {
          tags,
          summary: ejected
            ? 'Takes the medium of a removable volume out; with force, also while an initiator keeps it in'
            : 'Puts the medium of a removable volume back',
          body: schemas.ejection,
          response: { 200: schemas.volume },
        },
      },
      async ({ params, body }) => {
        const force = body?.force ?? false;
        return json(await backend.targets.setEjected(params.name, { ejected, force }));
      },
    );
  }

  app.post<Named & { Body: { sizeBytes: number; shrink?: boolean } }>(
    '/volumes/:name/resize',
    {
      schema: {
        tags,
        summary: 'Grows a volume; shrinks it only when told to',
        body: schemas.volumeResize,
        response: { 200: schemas.volume },
      },
    },
    async ({ params, body }) => {
      const { sizeBytes, shrink = false } = body;
      return changed(await pool().resizeVolume(params.name, sizeBytes, { shrink }));
    },
  );
}

function removal(app: FastifyInstance, backend: Backend, pool: ServingPool): void {
  const tags = ['volumes'];
  app.delete<Named & { Querystring: { force?: string; wait?: string; withSnapshots?: string } }>(
    '/volumes/:name',
    {
      schema: {
        tags,
        summary: 'Deletes a volume and its own target; with wait, until its space is free',
        querystring: schemas.query({
          force: schemas.queryFlag,
          wait: schemas.queryFlag,
          withSnapshots: schemas.queryFlag,
        }),
        response: { 204: { type: 'null', description: 'Deleted' } },
      },
    },
    async ({ params, query }, reply) => {
      const force = query.force === 'true';
      const withSnapshots = query.withSnapshots === 'true';
      await backend.targets.removeVolume(params.name, { force, withSnapshots });
      if (query.wait === 'true') await pool().settle();
      return reply.code(204).send();
    },
  );
}
