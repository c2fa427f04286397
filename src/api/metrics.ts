/** Metrics in the text format of Prometheus; read when asked for, kept nowhere. */
import { setImmediate } from 'node:timers/promises';
import type { PoolControl, VolumeInfo } from '../../pool/types.ts';
import type { Backend, Gauge } from './backend.ts';

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');

const nameOf = (text: string): string =>
  text
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    .replace(/[^a-zA-Z0-9_]/g, '_')
    .replace(/^_/, '');

function sampleLine({ name, labels, value }: Gauge): string {
  const pairs = Object.entries(labels ?? {}).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}

const SAMPLES_PER_TURN = 256;

/**
 * Parts of the text: each LUN has a hundred samples, so that all at once would hold the event loop. Samples
 * of one metric come one after the other, and stand under one HELP and TYPE.
 */
export async function* prometheusText(gauges: Iterable<Gauge>): AsyncGenerator<string> {
  let metric: string | null = null;
  let text = '';
  let samples = 0;
  for (const gauge of gauges) {
    const { name, help, kind } = gauge;
    if (metric !== (gauge.metric ?? name)) {
      metric = gauge.metric ?? name;
      text += `# HELP ${metric} ${help}\n# TYPE ${metric} ${kind}\n`;
    }
    text += sampleLine(gauge);
    samples += 1;
    if (samples % SAMPLES_PER_TURN > 0) continue;
    yield text;
    text = '';
    await setImmediate();
  }
  if (text !== '') yield text;
}

const healths = ['healthy', 'degraded', 'healing', 'failed'] as const;

function poolGauges(pool: PoolControl): Gauge[] {
  const status = pool.status();
  const gauges: Gauge[] = healths.map((health) => ({
    name: 'scale_pool_health',
    help: 'Which health the pool has: 1 for the one that holds',
    kind: 'gauge',
    value: status.health === health ? 1 : 0,
    labels: { health },
  }));
  for (const [field, value] of Object.entries(status)) {
    if (typeof value !== 'number') continue;
    const help = `${field} of pool status`;
    gauges.push({ name: `scale_pool_${nameOf(field)}`, help, kind: 'gauge', value });
  }
  for (const [field, value] of Object.entries(status.counters)) {
    const help = `${field} of pool status, counters`;
    gauges.push({ name: `scale_pool_counter_${nameOf(field)}`, help, kind: 'untyped', value });
  }
  return gauges;
}

const volumeFields = ['sizeBytes', 'usedBytes', 'uniqueBytes'] as const;

function* volumeGauges(volumes: readonly VolumeInfo[]): Generator<Gauge> {
  for (const field of volumeFields) {
    for (const volume of volumes) {
      yield {
        name: `scale_volume_${nameOf(field)}`,
        help: `${field} of each volume`,
        kind: 'gauge',
        value: volume[field],
        labels: { volume: volume.name },
      };
    }
  }
}

/** Parts, made as they are asked for. What the pool says is of the moment of the call. */
export function metricsText(backend: Backend): AsyncGenerator<string> {
  const pool = backend.pool();
  const ready: Gauge = {
    name: 'scale_ready',
    help: '1 while the member serves',
    kind: 'gauge',
    value: backend.ready() ? 1 : 0,
  };
  const sessions: Gauge = {
    name: 'scale_sessions',
    help: 'Sessions logged in',
    kind: 'gauge',
    value: backend.sessions().length,
  };
  const ofPool = pool === null ? [] : poolGauges(pool);
  const volumes = pool === null ? [] : pool.volumes();
  function* all(): Generator<Gauge> {
    yield* [ready, sessions, ...ofPool];
    yield* volumeGauges(volumes);
    yield* backend.gauges();
  }
  return prometheusText(all());
}
