/** What the steps of a scrub share. */
import type { MetaStore } from '../../src/base/ports.ts';
import type { PoolCore } from '../core.ts';
import type { VolumeTable } from '../volume/volume-table.ts';
import type { ScrubFindings } from './scrub-findings.ts';
import type { ScrubPace } from './scrub-pace.ts';

export interface ScrubParts {
  readonly core: PoolCore;
  readonly volumes: VolumeTable;
  readonly meta: MetaStore;
  readonly logId: number;
  readonly pace: ScrubPace;
  readonly findings: ScrubFindings;
}
