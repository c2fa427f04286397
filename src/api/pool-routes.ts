import type { FastifyInstance } from 'fastify';
import type { PoolControl, ScrubOptions } from '../../pool/types.ts';
import type { Backend } from './backend.ts';
import * as schemas from './schemas.ts';
import { dedupRoutes } from './volume-jobs.ts';

const defaultEvents = 100;
const maxEvents = 1000;

export function poolRoutes(app: FastifyInstance, backend: Backend, pool: () => PoolControl): void {
  const tags = ['pool'];

  app.get(
    '/pool',
    { schema: { tags, summary: 'Health and space', response: { 200: schemas.poolStatus } } },
    () => ({ uuid: Buffer.from(pool().uuid).toString('hex'), ...pool().status() }),
  );

  scrubRoutes(app, pool);
  dedupRoutes(app, pool);

  app.get<{ Querystring: { after?: string; limit?: string } }>(
    '/pool/events',
    {
      schema: {
        tags,
        summary:
          'What happened, oldest first: what came after a seq, or the newest; the next call goes on ' +
          'after the last seq',
        querystring: schemas.query({ after: schemas.queryCount, limit: schemas.queryCount }),
        response: { 200: schemas.events },
      },
    },
    ({ query }) => {
      const limit = Math.min(Number(query.limit ?? defaultEvents), maxEvents);
      if (query.after !== undefined) return pool().events(Number(query.after), limit);
      const all = pool().events(0, maxEvents);
      return all.slice(Math.max(0, all.length - limit));
    },
  );

  app.get(
    '/disks',
    { schema: { tags, summary: 'The disks of this member', response: { 200: schemas.disks } } },
    () => pool().disks(),
  );

  app.get(
    '/sessions',
    { schema: { tags, summary: 'Who is logged in', response: { 200: schemas.sessions } } },
    () => backend.sessions(),
  );
}

function scrubRoutes(app: FastifyInstance, pool: () => PoolControl): void {
  const tags = ['pool'];

  app.get(
    '/pool/scrub',
    {
      schema: {
        tags,
        summary: 'The scrub that runs, or the last one, with what it found',
        response: { 200: schemas.scrubReport },
      },
    },
    () => pool().scrub(),
  );

  app.post<{ Body: ScrubOptions | null }>(
    '/pool/scrub',
    {
      schema: {
        tags,
        summary:
          'Reads and verifies all that is stored, in the background; joins the scrub that runs. ' +
          'References are not counted again: scale check does that, on a pool that is not served',
        body: { ...schemas.scrubOptions, type: ['object', 'null'] },
        response: { 202: schemas.scrubReport },
      },
    },
    ({ body }, reply) => reply.code(202).send(pool().startScrub(body ?? {})),
  );

  app.delete(
    '/pool/scrub',
    {
      schema: {
        tags,
        summary: 'Stops the scrub that runs',
        response: { 200: schemas.scrubReport },
      },
    },
    () => pool().stopScrub(),
  );
}
