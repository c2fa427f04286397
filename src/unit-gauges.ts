/** What each logical unit counts, as metrics of its volume: since the LUN was first shown. */
import type { LogicalUnit } from '../iscsi/scsi/logical-unit.ts';
import type { LogicalUnits } from '../iscsi/scsi/logical-units.ts';
import { operations } from '../iscsi/scsi/unit-statistics.ts';
import type { Gauge } from './api/backend.ts';
import { latencyBoundsMs, type LatencyHistogram } from './base/latency-histogram.ts';

type Labels = Readonly<Record<string, string>>;

const METRIC = 'scale_volume_latency_seconds';
const HELP = 'How long commands took, from their arrival to their end; their number is the count';

function histogramGauges(histogram: LatencyHistogram, labels: Labels): Gauge[] {
  const sample = (suffix: string, value: number, more: Labels = {}): Gauge => ({
    name: `${METRIC}_${suffix}`,
    metric: METRIC,
    help: HELP,
    kind: 'histogram',
    value,
    labels: { ...labels, ...more },
  });
  let sum = 0;
  const buckets = latencyBoundsMs.map((boundMs, index) => {
    sum += histogram.counts[index] ?? 0;
    return sample('bucket', sum, { le: String(boundMs / 1000) });
  });
  const { count, sumMs } = histogram;
  const whole = sample('bucket', count, { le: '+Inf' });
  return [...buckets, whole, sample('sum', sumMs / 1000), sample('count', count)];
}

function* movedGauges({ device, statistics }: LogicalUnit): Generator<Gauge> {
  for (const operation of ['read', 'write'] as const) {
    yield {
      name: 'scale_volume_moved_bytes_total',
      help: 'Bytes that commands read and wrote',
      kind: 'counter',
      value: statistics[`${operation}s`].movedBytes,
      labels: { volume: device.identity.name, operation },
    };
  }
}

/** Made as they are asked for; the samples of one histogram are of one moment. */
export function* unitGauges(units: LogicalUnits): Generator<Gauge> {
  const all = units.all();
  for (const unit of all) yield* movedGauges(unit);
  for (const { device, statistics } of all) {
    const volume = device.identity.name;
    for (const operation of operations) {
      yield* histogramGauges(statistics.latencies[operation], { volume, operation });
    }
  }
}
