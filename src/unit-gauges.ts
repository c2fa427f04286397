/** What each logical unit counts, as metrics of its volume: since the LUN was first shown. */
import type { LogicalUnit } from '../iscsi/scsi/logical-unit.ts';
import type { LogicalUnits } from '../iscsi/scsi/logical-units.ts';
import { operations } from '../iscsi/scsi/unit-statistics.ts';
import type { Gauge } from './api/backend.ts';
import { histogramGauges } from './histogram-gauges.ts';

const METRIC = 'scale_volume_latency_seconds';
const HELP = 'How long commands took, from their arrival to their end; their number is the count';

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
      yield* histogramGauges(statistics.latencies[operation], {
        ...{ metric: METRIC, help: HELP },
        labels: { volume, operation },
      });
    }
  }
}
