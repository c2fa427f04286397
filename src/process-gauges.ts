/** How the process fares: the event loop's delay above all, which must stay below 10 ms. */
import type { Gauge } from './api/backend.ts';
import { histogramGauges } from './histogram-gauges.ts';
import { LoopDelay } from './io/loop-delay.ts';

const KIB = 1024;

/** Starts to measure; the function gives what was measured since. `memoryBytes` is what --memory says. */
export function processGauges(memoryBytes: number): () => Gauge[] {
  const delay = new LoopDelay();
  return () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    return [
      ...histogramGauges(delay.histogram, {
        metric: 'scale_event_loop_delay_seconds',
        help: 'How late the event loop was, looked at every 10 ms',
      }),
      {
        name: 'scale_event_loop_delay_max_seconds',
        help: 'How late the event loop was at most since the start of the process',
        kind: 'gauge',
        value: delay.maxMs / 1000,
      },
      {
        name: 'scale_memory_setting_bytes',
        help: 'What --memory allows caches, index, buffers and pending data together',
        kind: 'gauge',
        value: memoryBytes,
      },
      {
        name: 'scale_process_resident_bytes',
        help: 'Resident memory of the process',
        kind: 'gauge',
        value: process.memoryUsage.rss(),
      },
      {
        name: 'scale_process_resident_max_bytes',
        help: 'Resident memory of the process at most since its start',
        kind: 'gauge',
        value: maxRSS * KIB,
      },
      {
        name: 'scale_process_cpu_seconds_total',
        help: 'CPU time of the process, all threads',
        kind: 'counter',
        value: (userCPUTime + systemCPUTime) / 1e6,
      },
      {
        name: 'scale_process_uptime_seconds',
        help: 'Age of the process',
        kind: 'gauge',
        value: process.uptime(),
      },
    ];
  };
}
