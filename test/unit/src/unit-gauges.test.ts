import { prometheusText } from '../../../src/api/metrics.ts';
import { unitGauges } from '../../../src/unit-gauges.ts';
import { pattern, setUp } from '../iscsi/scsi/host.ts';

test('commands are counted and timed by volume and operation', () => {
  const { host, target } = setUp();
  host.send('2A 00 00 00 00 05 00 00 02 00', { dataOut: pattern(1024) });
  host.send('28 00 00 00 00 05 00 00 01 00');
  host.send('35 00 00 00 00 00 00 00 00 00');
  const text = prometheusText(unitGauges(target.units));
  const [volume] = target.units.all().map(({ device }) => device.identity.name);
  const of = (operation: string): string => `volume="${volume!}",operation="${operation}"`;
  expect(text.match(/^# TYPE scale_volume_latency_seconds histogram$/gm)).toHaveLength(1);
  for (const operation of ['read', 'write', 'flush']) {
    expect(text).toContain(`scale_volume_latency_seconds_count{${of(operation)}} 1\n`);
    expect(text).toContain(`scale_volume_latency_seconds_bucket{${of(operation)},le="+Inf"} 1\n`);
  }
  expect(text).toContain(`scale_volume_latency_seconds_count{${of('unmap')}} 0\n`);
  expect(text).toContain(`scale_volume_moved_bytes_total{${of('write')}} 1024\n`);
  expect(text).toContain(`scale_volume_moved_bytes_total{${of('read')}} 512\n`);
});
