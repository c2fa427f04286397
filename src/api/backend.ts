/** What the API is handed by the composition root. */
import type { SessionInfo } from '../../iscsi/server.ts';
import type { PoolControl } from '../../pool/types.ts';
import type { ReservationService } from '../targets/reservation-service.ts';
import type { TargetService } from '../targets/target-service.ts';

export interface Gauge {
  readonly name: string;
  /** Of a histogram's samples, whose names are longer; else the name is the metric's. */
  readonly metric?: string;
  readonly help: string;
  readonly value: number;
  /** 'untyped': the pool's counters, of which some fall again. */
  readonly kind: 'gauge' | 'counter' | 'histogram' | 'untyped';
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
  /** Of the process and the transport, beside what the pool counts; those of one metric follow each other. */
  readonly gauges: () => Iterable<Gauge>;
}
