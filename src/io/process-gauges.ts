/** How the process fares: the event loop's delay above all, which must stay below 10 ms. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface ProcessGauge {
  readonly name: string;
  readonly help: string;
  readonly value: number;
  readonly kind: 'gauge' | 'counter';
  readonly labels?: Readonly<Record<string, string>>;
}

const resolutionMs = 10;
const quantiles = [0.5, 0.99, 0.999, 1] as const;

/** Starts to measure; the function gives what was measured since. */
export function processGauges(): () => ProcessGauge[] {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  return () => [
    ...quantiles.map((quantile): ProcessGauge => {
      // What is measured is the time between two samples, of which the sampling interval is a part.
      const nanoseconds = quantile === 1 ? delay.max : delay.percentile(quantile * 100);
      return {
        name: 'scale_event_loop_delay_seconds',
        help: 'How late the event loop was since the start of the process',
        kind: 'gauge',
        value: Math.max(0, nanoseconds / 1e9 - resolutionMs / 1e3),
        labels: { quantile: String(quantile) },
      };
    }),
    {
      name: 'scale_process_resident_bytes',
      help: 'Resident memory of the process',
      kind: 'gauge',
      value: process.memoryUsage.rss(),
    },
    {
      name: 'scale_process_cpu_seconds_total',
      help: 'CPU time of the process, all threads',
      kind: 'counter',
      value: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    },
    {
      name: 'scale_process_uptime_seconds',
      help: 'Age of the process',
      kind: 'gauge',
      value: process.uptime(),
    },
  ];
}
