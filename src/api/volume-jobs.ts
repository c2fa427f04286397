/** Background jobs of a volume: shown, begun and stopped in one way. */
import type { FastifyInstance } from 'fastify';
import type { DedupOptions, DedupSettings, PoolControl, RewriteOptions } from '../../pool/types.ts';
import * as schemas from './schemas.ts';

interface Named {
  Params: { name: string };
}

interface VolumeJob<Report, Options> {
  readonly path: string;
  /** What GET, POST and DELETE do. */
  readonly summaries: { readonly show: string; readonly start: string; readonly stop: string };
  readonly report: Record<string, unknown>;
  readonly options: Record<string, unknown>;
  readonly show: (name: string) => Report;
  readonly start: (name: string, options: Options | Record<string, never>) => Report;
  readonly stop: (name: string) => Promise<Report>;
}

function routes<Report, Options>(app: FastifyInstance, job: VolumeJob<Report, Options>): void {
  const tags = ['volumes'];
  const { path, summaries, report } = job;
  app.get<Named>(
    path,
    { schema: { tags, summary: summaries.show, response: { 200: report } } },
    ({ params }) => job.show(params.name),
  );
  app.post<Named & { Body: Options | null }>(
    path,
    {
      schema: {
        tags,
        summary: summaries.start,
        body: { ...job.options, type: ['object', 'null'] },
        response: { 202: report },
      },
    },
    ({ params, body }, reply) => reply.code(202).send(job.start(params.name, body ?? {})),
  );
  app.delete<Named>(
    path,
    { schema: { tags, summary: summaries.stop, response: { 200: report } } },
    ({ params }) => job.stop(params.name),
  );
}

export function volumeJobs(app: FastifyInstance, pool: () => PoolControl): void {
  routes(app, {
    path: '/volumes/:name/rewrite',
    summaries: {
      show: 'The rewrite of this volume that runs, or the last one since the start',
      start:
        'Stores what the volume and its snapshots hold as its compression setting wants it now, in the ' +
        'background; with all, also what its codec stores already; joins the rewrite that runs',
      stop: 'Stops the rewrite of this volume; what is rewritten stays so',
    },
    report: schemas.rewriteReport,
    options: schemas.rewriteOptions,
    show: (name) => pool().rewrite(name),
    start: (name, options: RewriteOptions) => pool().startRewrite(name, options),
    stop: (name) => pool().stopRewrite(name),
  });
  routes(app, {
    path: '/volumes/:name/dedup',
    summaries: {
      show: 'The search for duplicates of this volume that runs, or the last one since the start',
      start:
        'Joins stored chunks that were first written to this volume, or to what it is a clone of, to equal ' +
        'chunks of the whole pool, in the background, and gives their space back; joins the search that runs',
      stop: 'Stops the search for duplicates of this volume; what is joined stays so',
    },
    report: schemas.dedupReport,
    options: schemas.dedupOptions,
    show: (name) => pool().dedup(name),
    start: (name, options: DedupOptions) => pool().startDedup(name, options),
    stop: (name) => pool().stopDedup(name),
  });
}

/** How the mode post-process works in the background. */
export function dedupRoutes(app: FastifyInstance, pool: () => PoolControl): void {
  const tags = ['pool'];
  const path = '/pool/dedup';
  const response = { 200: schemas.dedupStatus };
  app.get(
    path,
    {
      schema: { tags, summary: 'Settings of dedup in the background, and its last run', response },
    },
    () => pool().dedupStatus(),
  );
  app.patch<{ Body: Partial<DedupSettings> }>(
    path,
    {
      schema: {
        tags,
        summary: 'Changes settings of dedup in the background, until the end of the process',
        body: schemas.dedupChanges,
        response,
      },
    },
    ({ body }) => pool().setDedup(body),
  );
}
