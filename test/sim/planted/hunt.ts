/**
 * Runs seed after seed, of one profile if one is named, until one fails, and says on one line of JSON
 * which, and of what. A process of its own: it runs in a copy of the tree that has a bug in it.
 */
import { Prng } from '../prng.ts';
import { profileOf } from '../profiles.ts';
import { runSeed } from '../run-seed.ts';
import type { Sighting } from './sighting.ts';

const [from, to, profile] = process.argv.slice(2);
const first = Number(from);
const last = Number(to);

async function hunt(): Promise<Sighting | null> {
  for (let seed = first; seed <= last; seed++) {
    if (profile !== undefined && profileOf(new Prng(seed, 'profile')).name !== profile) continue;
    try {
      await runSeed(seed);
    } catch (error) {
      if (!(error instanceof Error)) return { seed, error: 'unknown', message: String(error) };
      return { seed, error: error.name, message: error.message };
    }
  }
  return null;
}

process.stdout.write(`${JSON.stringify(await hunt())}\n`);
// Timers of a life that failed may be left.
process.exit(0);
