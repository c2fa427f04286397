import type { FastifyInstance } from 'fastify';
import type { Backend } from './backend.ts';
import * as schemas from './schemas.ts';

interface Named {
  Params: { iqn: string };
}

interface ChapBody {
  user: string;
  secret: string;
  mutualUser?: string;
  mutualSecret?: string;
}

export function targetRoutes(app: FastifyInstance, { targets }: Backend): void {
  const tags = ['targets'];
  const answer = { 200: schemas.target };

  app.get(
    '/targets',
    { schema: { tags, summary: 'All targets', response: { 200: schemas.targets } } },
    () => targets.infos(),
  );

  app.post<{ Body: { iqn: string; redirect?: string } }>(
    '/targets',
    {
      schema: {
        tags,
        summary: 'Makes a target without LUNs; with redirect, logins are sent there instead',
        body: schemas.targetCreation,
        response: { 201: schemas.target },
      },
    },
    async ({ body: { iqn, redirect = null } }, reply) =>
      reply.code(201).send(await targets.create(iqn, { redirect })),
  );

  app.get<Named>(
    '/targets/:iqn',
    { schema: { tags, summary: 'One target', response: answer } },
    ({ params }) => targets.info(params.iqn),
  );

  app.delete<Named & { Querystring: { force?: string } }>(
    '/targets/:iqn',
    {
      schema: {
        tags,
        summary: 'Deletes a target; its volumes stay',
        querystring: schemas.query({ force: schemas.queryFlag }),
        response: { 204: { type: 'null', description: 'Deleted' } },
      },
    },
    async ({ params, query }, reply) => {
      await targets.delete(params.iqn, { force: query.force === 'true' });
      return reply.code(204).send();
    },
  );

  lunRoutes(app, targets);
  accessRoutes(app, targets);
}

function lunRoutes(app: FastifyInstance, targets: Backend['targets']): void {
  const tags = ['targets'];
  const answer = { 200: schemas.target };

  app.post<Named & { Body: { volume: string; lun?: number } }>(
    '/targets/:iqn/luns',
    {
      schema: {
        tags,
        summary: 'Maps a volume; without a number, as the lowest LUN that is free',
        body: schemas.lunMapping,
        response: answer,
      },
    },
    ({ params, body: { volume, lun = null } }) => targets.map(params.iqn, volume, lun),
  );

  app.delete<{ Params: { iqn: string; lun: string } }>(
    '/targets/:iqn/luns/:lun',
    {
      schema: {
        tags,
        summary: 'Unmaps a LUN; its volume stays',
        params: {
          type: 'object',
          properties: { iqn: { type: 'string' }, lun: schemas.queryCount },
        },
        response: answer,
      },
    },
    ({ params }) => targets.unmap(params.iqn, Number(params.lun)),
  );
}

function accessRoutes(app: FastifyInstance, targets: Backend['targets']): void {
  const tags = ['access'];
  const answer = { 200: schemas.target };

  for (const method of ['PUT', 'DELETE'] as const) {
    app.route<{ Params: { iqn: string; initiator: string } }>({
      method,
      url: '/targets/:iqn/allowed/:initiator',
      schema: {
        tags,
        summary: method === 'PUT' ? 'Lets an initiator in' : 'Takes an initiator off the list',
        response: answer,
      },
      handler: ({ params }) =>
        targets.allow(params.iqn, params.initiator, { remove: method === 'DELETE' }),
    });
  }

  app.put<Named & { Body: { open: boolean } }>(
    '/targets/:iqn/open',
    {
      schema: {
        tags,
        summary: 'Lets everyone in, from anywhere, or no longer',
        body: schemas.openness,
        response: answer,
      },
    },
    ({ params, body }) => targets.setOpen(params.iqn, body.open),
  );

  app.put<Named & { Body: ChapBody }>(
    '/targets/:iqn/chap',
    {
      schema: {
        tags,
        summary: 'Asks for CHAP, one-way or mutual; secrets are never shown again',
        body: schemas.chapSetting,
        response: answer,
      },
    },
    ({ params, body: { user, secret, mutualUser = null, mutualSecret = null } }) =>
      targets.setChap(params.iqn, { user, secret, mutualUser, mutualSecret }),
  );

  app.delete<Named>(
    '/targets/:iqn/chap',
    { schema: { tags, summary: 'No longer asks for CHAP', response: answer } },
    ({ params }) => targets.setChap(params.iqn, null),
  );
}
