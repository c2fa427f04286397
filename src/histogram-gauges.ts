/** A histogram as Prometheus has it: cumulative buckets, sum and count. */
import type { Gauge } from './api/backend.ts';
import type { LatencyHistogram } from './base/latency-histogram.ts';

type Labels = Readonly<Record<string, string>>;

/** The samples are of the moment of the call. */
export function histogramGauges(
  { boundsMs, counts, sumMs, count }: LatencyHistogram,
  { metric, help, labels = {} }: { metric: string; help: string; labels?: Labels },
): Gauge[] {
  const sample = (suffix: string, value: number, more: Labels = {}): Gauge => ({
    name: `${metric}_${suffix}`,
    metric,
    help,
    kind: 'histogram',
    value,
    labels: { ...labels, ...more },
  });
  let sum = 0;
  const buckets = boundsMs.map((boundMs, index) => {
    sum += counts[index] ?? 0;
    return sample('bucket', sum, { le: String(boundMs / 1000) });
  });
  const whole = sample('bucket', count, { le: '+Inf' });
  return [...buckets, whole, sample('sum', sumMs / 1000), sample('count', count)];
}
