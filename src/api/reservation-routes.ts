import type { FastifyInstance } from 'fastify';
import { identityOf } from '../identity.ts';
import type { PoolControl } from '../../pool/types.ts';
import type { Backend } from './backend.ts';
import * as schemas from './schemas.ts';

interface Named {
  Params: { name: string };
}

/** Of a volume, or of a snapshot by VOLUME@SNAPSHOT. */
export function reservationRoutes(
  app: FastifyInstance,
  backend: Backend,
  pool: () => PoolControl,
): void {
  const tags = ['reservations'];
  const path = '/volumes/:name/reservations';
  const serialOf = (name: string): string => {
    const poolNow = pool();
    const { id } = name.includes('@') ? poolNow.snapshot(name) : poolNow.volume(name);
    return identityOf({ poolUuid: poolNow.uuid, volumeId: id, name }).serial;
  };

  app.get<Named>(
    path,
    {
      schema: {
        tags,
        summary: 'Who has registered with a volume and who has reserved it',
        response: { 200: schemas.reservations },
      },
    },
    ({ params }) => backend.reservations.info(serialOf(params.name)),
  );

  app.delete<Named>(
    path,
    {
      schema: {
        tags,
        summary: 'Ends all registrations and reservations of a volume and tells their owners',
        response: { 204: { type: 'null', description: 'Cleared' } },
      },
    },
    async ({ params }, reply) => {
      await backend.reservations.clear(serialOf(params.name));
      return reply.code(204).send();
    },
  );
}
