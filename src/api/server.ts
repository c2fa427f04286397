/**
 * The REST API: everything that operators ask and change, with its OpenAPI document. It answers from
 * the start of the process; while the pool recovers, what needs the pool is a 503.
 */
import { Readable } from 'node:stream';
import swagger from '@fastify/swagger';
import fastify from 'fastify';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Logger } from '../base/ports.ts';
import { RequestError } from '../request-error.ts';
import type { PoolControl } from '../../pool/types.ts';
import type { Backend } from './backend.ts';
import { makeGuard } from './guard.ts';
import { metricsText, metricsType } from './metrics.ts';
import { poolRoutes } from './pool-routes.ts';
import { problem, problemOf, problemType } from './problem.ts';
import type { Problem } from './problem.ts';
import * as schemas from './schemas.ts';
import { targetRoutes } from './target-routes.ts';
import { reservationRoutes } from './reservation-routes.ts';
import { snapshotRoutes } from './snapshot-routes.ts';
import { volumeRoutes } from './volume-routes.ts';

export interface ApiOptions {
  readonly version: string;
  readonly log: Logger;
  /** What every request but /healthz and /readyz must bear; null: loopback only. */
  readonly token: string | null;
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** A broken invariant in a handler ends the process like any other. */
  readonly onBug: (error: unknown) => void;
}

/** An IQN has up to 223 bytes, each perhaps percent-encoded. */
const maxParamLength = 3 * 223;
const bodyLimitBytes = 64 * 1024;
const open = ['/healthz', '/readyz'];

export async function makeApi(backend: Backend, options: ApiOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: bodyLimitBytes,
    routerOptions: { maxParamLength },
    forceCloseConnections: true,
    // Found before there is a route, so no error handler sees it: a URL that can't be decoded.
    frameworkErrors: (error, _request, reply) => {
      void send(reply, problem('invalid', error.message));
    },
    // Unknown fields and wrong types are the caller's mistakes: say so, do not bend them.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allowUnionTypes: true } },
    ...(options.tls === null ? {} : { https: options.tls }),
  }) as unknown as FastifyInstance;

  answerProblems(app, options);
  const guard = makeGuard(options.token);
  app.addHook('onRequest', async (request, reply) => {
    if (open.includes(request.routeOptions.url ?? '')) return;
    const refusal = guard(request);
    if (refusal !== null) await send(reply, refusal);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method, url } = request;
    const facts = { method, url, status: reply.statusCode, elapsedMs: reply.elapsedTime };
    options.log.debug(facts, 'api request');
    done();
  });

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Storage Scale', version: options.version },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      ...(options.token === null ? {} : { security: [{ token: [] }] }),
    },
  });
  app.addHook('onRoute', (route) => {
    if (route.schema?.response === undefined) return;
    const content = { [problemType]: { schema: schemas.problem } };
    route.schema.response = {
      ...route.schema.response,
      default: { description: 'A problem', content },
    };
  });

  const pool = (): PoolControl => {
    const there = backend.pool();
    if (there !== null) return there;
    throw new RequestError('unavailable', 'the pool is still recovering; ask again in a moment');
  };
  await app.register(
    (v1, _options, done) => {
      v1.addHook('onRequest', (_request, _reply, next) => {
        pool();
        next();
      });
      volumeRoutes(v1, backend, pool);
      snapshotRoutes(v1, backend, pool);
      reservationRoutes(v1, backend, pool);
      targetRoutes(v1, backend);
      poolRoutes(v1, backend, pool);
      done();
    },
    { prefix: '/api/v1' },
  );
  await app.register((plain, _options, done) => {
    statusRoutes(plain, backend);
    done();
  });
  return app;
}

function send(reply: FastifyReply, answer: Problem): FastifyReply {
  if (answer.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply.code(answer.status).type(problemType).serializer(JSON.stringify).send(answer);
}

function answerProblems(app: FastifyInstance, { log, onBug }: ApiOptions): void {
  app.setErrorHandler((error, request, reply) => {
    const known = problemOf(error);
    if (known !== null) return send(reply, known);
    log.error({ err: error, method: request.method, url: request.url }, 'api request failed');
    onBug(error);
    return send(reply, problem('internal', 'a bug: the log of the member has the details'));
  });
  app.setNotFoundHandler((request, reply) => {
    const detail = `there is no ${request.method} ${request.url}; see /api/v1/openapi.json`;
    return send(reply, problem('not-found', detail));
  });
}

function statusRoutes(app: FastifyInstance, backend: Backend): void {
  const tags = ['status'];
  app.get('/api/v1/openapi.json', { schema: { hide: true } }, () => app.swagger());
  app.get('/healthz', { schema: { tags, summary: 'The process lives' } }, () => ({ alive: true }));
  app.get(
    '/readyz',
    { schema: { tags, summary: 'The member serves: 200, or 503 while it recovers or drains' } },
    (_request, reply) => {
      const ready = backend.ready();
      const state = ready ? 'serving' : backend.pool() === null ? 'recovering' : 'draining';
      return reply.code(ready ? 200 : 503).send({ ready, state });
    },
  );
  app.get(
    '/metrics',
    { schema: { tags, summary: 'Metrics for Prometheus', produces: ['text/plain'] } },
    (_request, reply) => reply.type(metricsType).send(Readable.from(metricsText(backend))),
  );
}
