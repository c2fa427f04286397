/** What the API is handed by the composition root. */
import type { PoolControl } from '../../pool/types.ts';
import type { ReservationService } from '../targets/reservation-service.ts';
import type { TargetService } from '../targets/target-service.ts';

/** One session that is logged in, as `session list` shows it. */
export interface SessionInfo {
  readonly initiator: string;
  readonly target: string;
  /** Address it came in on and address it came from, `host:port`. */
  readonly portal: string;
  readonly peer: string;
  readonly isid: string;
  readonly tsih: number;
  /** ISO 8601. */
  readonly since: string;
  readonly luns: readonly number[];
}

export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly value: number;
  /** 'untyped': the pool's counters, of which some fall again. */
  readonly kind: 'gauge' | 'counter' | 'untyped';
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Backend {
  /** Null while the pool recovers. */
  readonly pool: () => PoolControl | null;
  /** False while it recovers and once it drains. */
  readonly ready: () => boolean;
  readonly targets: TargetService;
  readonly reservations: ReservationService;
  readonly sessions: () => readonly SessionInfo[];
  readonly iscsiUrl: (iqn: string, lun: number) => string;
  /** Of the process and the transport, beside what the pool counts. */
  readonly gauges: () => readonly Gauge[];
}
