/** Kinds of runs: what the seed's world does to the pool. */
import type { Prng } from './prng.ts';
import { healthy } from './settings.ts';
import type { DiskSettings, MetaSettings, SimSettings } from './settings.ts';

export interface Profile {
  readonly name: 'crashes' | 'slow' | 'full' | 'errors' | 'damage';
  readonly settings: SimSettings;
  /** Room for more than the actors can write, or for less. */
  readonly capacityBytes: number;
}

const MIB = 1024 * 1024;
const ROOMY_BYTES = 96 * MIB;
const TIGHT_BYTES = 10 * MIB;

const weather = (disk: Partial<DiskSettings>, meta: Partial<MetaSettings> = {}): SimSettings => ({
  disk: { ...healthy.disk, ...disk },
  meta: { ...healthy.meta, ...meta },
});

const errors = (prng: Prng): SimSettings =>
  prng.pick([
    weather({ syncErrorRate: 0.05 }),
    weather({ writeErrorRate: 0.004 }),
    weather({ readErrorRate: 0.02 }),
    weather({ fullRate: 0.01 }),
    weather({}, { commitErrorRate: 0.3 }),
  ]);

const damage = (prng: Prng): SimSettings =>
  prng.pick([
    weather({ rotRate: 0.01 }),
    weather({ misdirectRate: 0.005 }),
    weather({}, { damageRate: 0.02 }),
    weather({}, { rotRate: 0.02 }),
  ]);

export function profileOf(prng: Prng): Profile {
  const kind = prng.below(20);
  const roomy = { capacityBytes: ROOMY_BYTES };
  if (kind < 9) return { name: 'crashes', settings: healthy, ...roomy };
  if (kind < 11) {
    const slow = weather({ slowRate: 0.1, syncMs: [1, 60] }, { slowRate: 0.2, commitMs: [5, 400] });
    return { name: 'slow', settings: slow, ...roomy };
  }
  if (kind < 14) return { name: 'full', settings: healthy, capacityBytes: TIGHT_BYTES };
  if (kind < 17) return { name: 'errors', settings: errors(prng), ...roomy };
  return { name: 'damage', settings: damage(prng), ...roomy };
}
