import type { FastifyInstance } from 'fastify';
import type { PoolControl } from '../../pool/types.ts';
import type { Backend } from './backend.ts';
import * as schemas from './schemas.ts';

const defaultEvents = 100;
const maxEvents = 1000;

export function poolRoutes(app: FastifyInstance, backend: Backend, pool: () => PoolControl): void {
  const tags = ['pool'];

  app.get(
    '/pool',
    { schema: { tags, summary: 'Health and space', response: { 200: schemas.poolStatus } } },
    () => ({ uuid: Buffer.from(pool().uuid).toString('hex'), ...pool().status() }),
  );

  app.get<{ Querystring: { after?: string; limit?: string } }>(
    '/pool/events',
    {
      schema: {
        tags,
        summary: 'What happened, oldest first; the next call goes on after the last seq',
        querystring: schemas.query({ after: schemas.queryCount, limit: schemas.queryCount }),
        response: { 200: schemas.events },
      },
    },
    ({ query }) => {
      const limit = Math.min(Number(query.limit ?? defaultEvents), maxEvents);
      return pool().events(Number(query.after ?? 0), limit);
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
