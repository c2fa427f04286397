/**
 * Requests to the REST API: any method, path, query and body. Each is answered, none with 500, and
 * none finds a bug; what is refused is a problem document [RFC 9457].
 */
import type { InjectOptions } from 'light-my-request';
import { apiBench, type ApiBench } from '../../fakes/api-bench.ts';
import type { Prng } from '../../sim/prng.ts';
import { mutate, noise } from '../mutate.ts';
import { must, type Surface } from '../surface.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const PARTS = [
  ...['volumes', 'targets', 'sessions', 'pool', 'disks', 'events', 'snapshots', 'clones', 'db'],
  ...[
    'luns',
    '0',
    'open',
    'chap',
    'allowed',
    'resize',
    'db@one',
    '%00',
    '..',
    '%2e%2e',
    'a'.repeat(300),
  ],
  ...['iqn.2026-01.io.storage-scale:a0a1a2a3:db', 'iqn.2026-01.org.example:host', '%ff', '💾'],
];
const NAMES = [
  ...['name', 'sizeBytes', 'dedup', 'compression', 'chunkSizeBytes', 'blockSizeBytes', 'export'],
  ...['durability', 'readOnly', 'shrink', 'iqn', 'redirect', 'volume', 'lun', 'open', 'user'],
  ...['secret', 'mutualUser', 'mutualSecret', '__proto__', 'constructor', 'snapshots', 'volumes'],
];
const VALUES: readonly unknown[] = [
  ...[
    'db',
    '',
    'a/b',
    '../..',
    'x'.repeat(100),
    'lz4',
    'zstd-99',
    'pre-ack',
    'off',
    'sync',
    'é\u0000',
  ],
  ...[0, -1, 1, 512, 4096, 2 ** 30, 2 ** 53, 1e308, 0.5, true, false, null, [], {}, [1, 'a']],
  ...['iqn.2026-01.io.storage-scale:a0a1a2a3:db', 'host:1', '[::1]:3260', 'a secret of 12+'],
];

function path(random: Prng): string {
  const parts = Array.from({ length: random.between(1, 4) }, () => random.pick(PARTS));
  const query = random.chance(0.3)
    ? `?${random.pick(['force', 'wait', 'after', 'limit', 'exact', 'x'])}=${random.pick(['true', '1', '-1', '%', ''])}`
    : '';
  return `/api/v1/${parts.map((part) => (part.startsWith('%') ? part : encodeURIComponent(part))).join('/')}${query}`;
}

function body(random: Prng): Buffer {
  const fields = Array.from({ length: random.below(6) }, () => [
    random.pick(NAMES),
    random.pick(VALUES),
  ]);
  const json = Buffer.from(
    `{${fields.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`,
  );
  if (random.chance(0.1)) return Buffer.from(noise(random, 200));
  if (random.chance(0.05)) return Buffer.from('['.repeat(60_000));
  return random.chance(0.2) ? Buffer.from(mutate(random, json)) : json;
}

async function one(random: Prng, bench: ApiBench): Promise<void> {
  const method = random.pick(METHODS);
  const type = random.chance(0.9) ? 'application/json' : random.pick(['text/plain', '', 'x']);
  const url = path(random);
  const request: InjectOptions = {
    method,
    url,
    headers: { host: '127.0.0.1:8260', 'content-type': type },
    ...(method === 'GET' || random.chance(0.2) ? {} : { payload: body(random) }),
  };
  const { statusCode, body: text } = await bench.app.inject(request);
  const what = `${method} ${url}: status ${statusCode}, ${text.slice(0, 200)}`;
  must(bench.bugs.length === 0, `${what}; ${String(bench.bugs[0])}`);
  must(statusCode < 500, what);
  if (statusCode < 400) return;
  const problem = JSON.parse(text) as { status?: unknown; detail?: unknown };
  must(problem.status === statusCode && typeof problem.detail === 'string', what);
}

export const apiSurface: Surface = {
  name: 'api',
  share: 1,
  load: async () => {
    const bench = await apiBench();
    return async (random) => {
      await bench.app.inject({
        method: 'POST',
        url: '/api/v1/volumes',
        headers: { host: '127.0.0.1:8260' },
        payload: { name: 'db', sizeBytes: 2 ** 30 },
      });
      for (let requests = 5; requests > 0; requests--) await one(random, bench);
    };
  },
};
