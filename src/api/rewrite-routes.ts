import type { FastifyInstance } from 'fastify';
import type { PoolControl, RewriteOptions } from '../../pool/types.ts';
import * as schemas from './schemas.ts';

interface Named {
  Params: { name: string };
}

export function rewriteRoutes(app: FastifyInstance, pool: () => PoolControl): void {
  const tags = ['volumes'];
  const path = '/volumes/:name/rewrite';

  app.get<Named>(
    path,
    {
      schema: {
        tags,
        summary: 'The rewrite of this volume that runs, or the last one since the start',
        response: { 200: schemas.rewriteReport },
      },
    },
    ({ params }) => pool().rewrite(params.name),
  );

  app.post<Named & { Body: RewriteOptions | null }>(
    path,
    {
      schema: {
        tags,
        summary:
          'Stores what the volume and its snapshots hold as its compression setting wants it now, in the ' +
          'background; with all, also what its codec stores already; joins the rewrite that runs',
        body: { ...schemas.rewriteOptions, type: ['object', 'null'] },
        response: { 202: schemas.rewriteReport },
      },
    },
    ({ params, body }, reply) => reply.code(202).send(pool().startRewrite(params.name, body ?? {})),
  );

  app.delete<Named>(
    path,
    {
      schema: {
        tags,
        summary: 'Stops the rewrite of this volume; what is rewritten stays so',
        response: { 200: schemas.rewriteReport },
      },
    },
    ({ params }) => pool().stopRewrite(params.name),
  );
}
