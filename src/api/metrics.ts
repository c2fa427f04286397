/** Metrics in the text format of Prometheus; read when asked for, kept nowhere. */
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

/** Samples of one metric stand together, under one HELP and TYPE. */
export function prometheusText(gauges: readonly Gauge[]): string {
  const byMetric = Map.groupBy(gauges, ({ name, metric }) => metric ?? name);
  let text = '';
  for (const [name, samples] of byMetric) {
    const { help, kind } = samples[0] ?? { help: '', kind: 'gauge' };
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`;
    for (const sample of samples) text += sampleLine(sample);
  }
  return text;
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

function volumeGauges(volume: VolumeInfo): Gauge[] {
  return volumeFields.map((field) => ({
    name: `scale_volume_${nameOf(field)}`,
    help: `${field} of each volume`,
    kind: 'gauge',
    value: volume[field],
    labels: { volume: volume.name },
  }));
}

export function metricsText(backend: Backend): string {
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
  const ofPool =
    pool === null ? [] : [...poolGauges(pool), ...pool.volumes().flatMap(volumeGauges)];
  return prometheusText([ready, sessions, ...ofPool, ...backend.gauges()]);
}
