import { prometheusText } from '../../../src/api/metrics.ts';
import { unitGauges } from '../../../src/unit-gauges.ts';
import { pattern, setUp } from '../iscsi/scsi/host.ts';

test('commands are counted and timed by volume and operation', async () => {
  const { host, target } = setUp();
  host.send('2A 00 00 00 00 05 00 00 02 00', { dataOut: pattern(1024) });
  host.send('28 00 00 00 00 05 00 00 01 00');
  host.send('35 00 00 00 00 00 00 00 00 00');
  let text = '';
  for await (const part of prometheusText(unitGauges(target.units))) text += part;
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

test('metrics of many LUNs are made some a turn', async () => {
  const name = 'scale_some';
  const labels = Array.from({ length: 1000 }, (_, lun) => ({ lun: String(lun) }));
  const gauges = labels.map(
    (of) => ({ name, help: '', kind: 'gauge', value: 1, labels: of }) as const,
  );
  let turns = 0;
  const turn = (): void => {
    turns += 1;
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  const samples: number[] = [];
  for await (const part of prometheusText(gauges)) samples.push(part.split('} 1').length - 1);
  clearImmediate(next);
  expect(samples).toEqual([256, 256, 256, 232]);
  expect(turns).toBeGreaterThanOrEqual(3);
});
