import type { InjectOptions, Response } from 'light-my-request';
import { apiBench } from '../../../fakes/api-bench.ts';
import type { ApiBench } from '../../../fakes/api-bench.ts';

const iqn = 'iqn.2026-01.io.storage-scale:a0a1a2a3:db';
const host = { host: '127.0.0.1:8260' };

let bench: ApiBench;
beforeEach(async () => {
  bench = await apiBench();
});
afterEach(() => bench.app.close());

type Method = NonNullable<InjectOptions['method']>;
const ask = (method: Method, url: string, payload?: object, headers = {}): Promise<Response> =>
  bench.app.inject({
    method,
    url,
    headers: { ...host, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
const createDb = (fields: object = {}) =>
  ask('POST', '/api/v1/volumes', { name: 'db', sizeBytes: 2 ** 30, ...fields });

describe('reservations over REST', () => {
  test('are shown and cleared, of volumes that there are', async () => {
    await createDb();
    const path = '/api/v1/volumes/db/reservations';
    expect((await ask('GET', path)).json()).toEqual({
      state: 'ok',
      generation: 0,
      survivesPowerLoss: false,
      reservation: null,
      reservedBy: null,
      registrations: [],
    });
    expect((await ask('DELETE', path)).statusCode).toBe(204);
    expect((await ask('GET', path)).json()).toMatchObject({ generation: 1 });
    const none = '/api/v1/volumes/none/reservations';
    expect((await ask('GET', none)).statusCode).toBe(404);
    expect((await ask('DELETE', none)).statusCode).toBe(404);
  });
});

describe('volumes over REST', () => {
  test('a created volume is exported, thin, with every field of the contract', async () => {
    const response = await createDb();
    expect(response.statusCode).toBe(201);
    expect(response.json()).toMatchObject({
      name: 'db',
      sizeBytes: 2 ** 30,
      usedBytes: 0,
      uniqueBytes: 0,
      dedup: 'pre-ack',
      compression: 'lz4',
      chunkSizeBytes: 4096,
      blockSizeBytes: 512,
      durability: 'flush',
      target: iqn,
      lun: 0,
      iscsiUrl: `iscsi://127.0.0.1:3260/${iqn}/0`,
      snapshots: 0,
      state: 'online',
    });
  });

  test('a list is an array, an unexported volume has no target', async () => {
    await createDb({ export: false });
    expect((await ask('GET', '/api/v1/volumes')).json()).toMatchObject([
      { name: 'db', target: null, lun: null, iscsiUrl: null },
    ]);
  });

  test('resize, set and delete do what they say', async () => {
    await createDb();
    const resized = await ask('POST', '/api/v1/volumes/db/resize', { sizeBytes: 2 ** 31 });
    expect(resized.json()).toMatchObject({ sizeBytes: 2 ** 31 });
    const changed = await ask('PATCH', '/api/v1/volumes/db', { durability: 'sync' });
    expect(changed.json()).toMatchObject({ durability: 'sync' });
    expect((await ask('DELETE', '/api/v1/volumes/db?wait=true')).statusCode).toBe(204);
    expect((await ask('GET', '/api/v1/volumes')).json()).toEqual([]);
  });

  test('a deletion that is waited for holds up nothing else', async () => {
    await createDb();
    const space: (() => void)[] = [];
    bench.pool.settle = () => new Promise((resolve) => space.push(resolve));
    const deletion = ask('DELETE', '/api/v1/volumes/db?wait=true');
    while (space.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await createDb({ name: 'next' })).statusCode).toBe(201);
    expect((await ask('DELETE', '/api/v1/volumes/next')).statusCode).toBe(204);
    for (const isBack of space) isBack();
    expect((await deletion).statusCode).toBe(204);
  });

  test.each([
    [{ name: '' }, /name must be letters, digits, .* at most 63/],
    [{ name: 'a/b' }, /name must be letters/],
    [{ name: '../etc/passwd' }, /name must be letters/],
    [{ name: '..' }, /name must be letters/],
    [{ name: 'a..b' }, /'a\.\.b' is no volume name/],
    [{ name: 'a@b' }, /name must be letters/],
    [{ name: 'a\0' }, /name must be letters/],
    [{ name: 'a\n' }, /name must be letters/],
    [{ name: 'ä' }, /name must be letters/],
    [{ name: 'x'.repeat(64) }, /name must be letters/],
    [{ sizeBytes: 100 }, /from 1M to 4P/],
    [{ sizeBytes: 0 }, /from 1M to 4P/],
    [{ sizeBytes: -(2 ** 30) }, /from 1M to 4P/],
    [{ sizeBytes: 2 ** 30 + 1 }, /a multiple of its block size/],
    [{ sizeBytes: 2 ** 30 + 0.5 }, /sizeBytes must be integer/],
    [{ sizeBytes: 2 ** 53 }, /from 1M to 4P/],
    [{ sizeBytes: 2 ** 60 }, /from 1M to 4P/],
    [{ sizeBytes: 1e300 }, /from 1M to 4P/],
    [{ chunkSizeBytes: 5000 }, /a power of two from 4K to 1M/],
    [{ chunkSizeBytes: 2 ** 21 }, /a power of two from 4K to 1M/],
    [{ chunkSizeBytes: 0 }, /a power of two from 4K to 1M/],
    [{ sizeBytes: '10' }, /sizeBytes must be integer/],
    [{ sizeBytes: null }, /sizeBytes must be integer/],
    [{ blockSizeBytes: 520 }, /blockSizeBytes must be .*512, 4096/],
    [{ colour: 'red' }, /additional properties: colour/],
    [{ dedup: 'always' }, /dedup must be .*pre-ack/],
    [{ compression: 'rar' }, /'rar' is no compression: use lz4, zstd, .* or off/],
    [{ compression: 'zstd-0' }, /'zstd-0' is no compression/],
    [{ compression: 'zstd-20' }, /'zstd-20' is no compression: .*zstd-1 to zstd-19/],
    [{ compression: 3 }, /compression must be string/],
  ])('%j is refused with 400 and the reason', async (fields, detail) => {
    const response = await createDb(fields);
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ status: 400, code: 'invalid' });
    expect(response.json<{ detail: string }>().detail).toMatch(detail);
    expect(bench.pool.volumes()).toEqual([]);
  });

  test('snapshots are listed part by part', async () => {
    await createDb();
    await bench.pool.createSnapshots(Array.from({ length: 700 }, (_, index) => `db@s${index}`));
    const list = async (query: string) => {
      const answer = await ask('GET', `/api/v1/snapshots?volume=db${query}`);
      return answer.json<{ id: number; name: string }[]>();
    };
    const first = await list('');
    expect(first).toHaveLength(500);
    expect(await list('&limit=100000')).toEqual(first);
    const rest = await list(`&after=${first.at(-1)?.id}`);
    expect(rest.map(({ name }) => name).slice(0, 2)).toEqual(['db@s500', 'db@s501']);
    expect(rest).toHaveLength(200);
    expect(await list(`&after=${rest.at(-1)?.id}`)).toEqual([]);
    expect(await list('&limit=2')).toEqual(first.slice(0, 2));
  });

  test('a rewrite is begun, shown and stopped; of no volume it is a 404', async () => {
    await createDb({});
    const path = '/api/v1/volumes/db/rewrite';
    expect((await ask('GET', path)).json()).toMatchObject({ volume: 'db', state: 'never' });
    const begun = await ask('POST', path, { rateLimit: 5 });
    expect(begun.statusCode).toBe(202);
    expect(begun.json()).toMatchObject({ state: 'running', rateLimit: 5 });
    expect((await ask('DELETE', path)).json()).toMatchObject({ state: 'stopped' });
    expect((await ask('POST', path, { rateLimit: 0 })).statusCode).toBe(400);
    expect((await ask('POST', '/api/v1/volumes/none/rewrite', {})).statusCode).toBe(404);
  });

  test('a body that is no JSON, or none at all, is a 400', async () => {
    const headers = { ...host, 'content-type': 'application/json' };
    const url = '/api/v1/volumes';
    for (const payload of ['{', '', '[]', 'null']) {
      const response = await bench.app.inject({ method: 'POST', url, headers, payload });
      expect(response.statusCode).toBe(400);
    }
    expect(bench.bugs).toEqual([]);
  });

  test('a body beyond the limit is refused before it is read', async () => {
    const response = await createDb({ name: 'x'.repeat(100_000) });
    expect(response.statusCode).toBe(413);
  });
});

describe('problem documents [RFC 9457]', () => {
  test('have their own media type, type, title, status and detail', async () => {
    const response = await ask('GET', '/api/v1/volumes/none');
    expect(response.statusCode).toBe(404);
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(response.json()).toEqual({
      type: 'urn:storage-scale:problem:not-found',
      title: 'There is no such thing',
      status: 404,
      detail: 'there is no volume none',
      code: 'not-found',
    });
  });

  test('a volume that is there is a conflict', async () => {
    await createDb();
    expect((await createDb()).statusCode).toBe(409);
  });

  test('a volume in use is a conflict, unless forced', async () => {
    await createDb();
    bench.targets.sessions.set(iqn, 1);
    const refused = await ask('DELETE', '/api/v1/volumes/db');
    expect(refused.json()).toMatchObject({ status: 409, code: 'in-use' });
    expect((await ask('DELETE', '/api/v1/volumes/db?force=true')).statusCode).toBe(204);
  });

  test('an unknown route is one too', async () => {
    const response = await ask('GET', '/api/v1/nothing');
    expect(response.json()).toMatchObject({ status: 404, code: 'not-found' });
  });

  test('a bug is a 500 that tells nothing of it, and is handed on', async () => {
    await createDb();
    const bug = new Error('a secret inner state');
    bench.pool.status = () => {
      throw bug;
    };
    const response = await ask('GET', '/api/v1/pool');
    expect(response.statusCode).toBe(500);
    expect(response.body).not.toContain('inner state');
    expect(bench.bugs).toEqual([bug]);
  });
});

describe('targets over REST', () => {
  const other = 'iqn.2026-01.com.example:other';
  const path = `/api/v1/targets/${encodeURIComponent(other)}`;
  beforeEach(async () => {
    await createDb({ export: false });
    await ask('POST', '/api/v1/targets', { iqn: other });
  });

  test('a volume is mapped and unmapped', async () => {
    const mapped = await ask('POST', `${path}/luns`, { volume: 'db', lun: 7 });
    expect(mapped.json()).toMatchObject({ luns: [{ lun: 7, volume: 'db' }] });
    expect((await ask('DELETE', `${path}/luns/7`)).json()).toMatchObject({ luns: [] });
    expect((await ask('DELETE', `${path}/luns/7`)).statusCode).toBe(404);
    expect((await ask('DELETE', `${path}/luns/x`)).statusCode).toBe(400);
  });

  test('initiators are let in and taken off, by name', async () => {
    const initiator = 'iqn.1993-08.org.debian:01:abc';
    const one = `${path}/allowed/${encodeURIComponent(initiator)}`;
    expect((await ask('PUT', one)).json()).toMatchObject({ allowed: [initiator] });
    expect((await ask('DELETE', one)).json()).toMatchObject({ allowed: [] });
    expect((await ask('PUT', `${path}/allowed/nobody`)).statusCode).toBe(400);
  });

  test('no answer ever holds a CHAP secret', async () => {
    const body = { user: 'me', secret: 'twelve bytes or more' };
    const answers = [
      await ask('PUT', `${path}/chap`, body),
      await ask('GET', path),
      await ask('GET', '/api/v1/targets'),
    ];
    for (const answer of answers) {
      expect(answer.statusCode).toBe(200);
      expect(answer.body).not.toContain(body.secret);
    }
    expect(answers[0]?.json()).toMatchObject({ chap: { user: 'me', mutualUser: null } });
    expect((await ask('DELETE', `${path}/chap`)).json()).toMatchObject({ chap: null });
  });

  test('a short CHAP secret is refused without repeating it', async () => {
    const response = await ask('PUT', `${path}/chap`, { user: 'me', secret: 'tooshort' });
    expect(response.statusCode).toBe(400);
    expect(response.body).not.toContain('tooshort');
  });

  test('the longest IQN fits a path', async () => {
    const long = `iqn.2026-01.com.example:${'x'.repeat(199)}`;
    await ask('POST', '/api/v1/targets', { iqn: long });
    const one = await ask('GET', `/api/v1/targets/${encodeURIComponent(long)}`);
    expect(one.json()).toMatchObject({ iqn: long });
  });

  test('open, redirect and delete', async () => {
    expect((await ask('PUT', `${path}/open`, { open: true })).json()).toMatchObject({ open: true });
    const body = { iqn: `${other}-2`, redirect: '[::1]:3261' };
    expect((await ask('POST', '/api/v1/targets', body)).json()).toMatchObject({
      redirect: '[::1]:3261',
    });
    const bad = { iqn: `${other}-3`, redirect: 'nowhere' };
    expect((await ask('POST', '/api/v1/targets', bad)).statusCode).toBe(400);
    expect((await ask('DELETE', path)).statusCode).toBe(204);
    expect((await ask('GET', path)).statusCode).toBe(404);
  });
});

describe('pool, disks, sessions and events over REST', () => {
  test('space adds up as the pool says it', async () => {
    const status = (await ask('GET', '/api/v1/pool')).json<Record<string, number>>();
    expect(status).toMatchObject({ health: 'healthy', counters: { reads: 3 } });
    expect(status['capacityBytes']).toBe(status['usedBytes']! + status['freeBytes']!);
  });

  test('events go on after a seq, with all their facts', async () => {
    const events = await ask('GET', '/api/v1/pool/events?after=1&limit=1');
    expect(events.json()).toEqual([
      expect.objectContaining({ seq: 2, severity: 'warning', position: 200 }),
    ]);
    expect((await ask('GET', '/api/v1/pool/events?after=-1')).statusCode).toBe(400);
  });

  test('disks and sessions are lists', async () => {
    expect((await ask('GET', '/api/v1/disks')).json()).toHaveLength(1);
    const session = {
      initiator: 'iqn.1993-08.org.debian:01:abc',
      target: iqn,
      portal: '127.0.0.1:3260',
      peer: '127.0.0.1:50000',
      isid: '400001370000',
      tsih: 1,
      since: '2026-01-01T00:00:00.000Z',
      luns: [0],
    };
    bench.sessions.push(session);
    expect((await ask('GET', '/api/v1/sessions')).json()).toEqual([session]);
  });
});

describe('the state of the member', () => {
  test('while the pool recovers it lives, is not ready and serves no volumes', async () => {
    bench.recovering = true;
    expect((await ask('GET', '/healthz')).statusCode).toBe(200);
    const ready = await ask('GET', '/readyz');
    expect([ready.statusCode, ready.json()]).toEqual([503, { ready: false, state: 'recovering' }]);
    for (const url of ['volumes', 'targets', 'sessions', 'pool', 'disks']) {
      const response = await ask('GET', `/api/v1/${url}`);
      expect(response.json()).toMatchObject({ status: 503, code: 'unavailable' });
    }
    expect((await ask('GET', '/metrics')).body).toContain('\nscale_ready 0\n');
    bench.recovering = false;
    expect((await ask('GET', '/readyz')).json()).toEqual({ ready: true, state: 'serving' });
    bench.draining = true;
    expect((await ask('GET', '/readyz')).json()).toEqual({ ready: false, state: 'draining' });
  });

  test('metrics are in the text format of Prometheus', async () => {
    await createDb();
    const { body, headers } = await ask('GET', '/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0.0.4/);
    expect(body).toContain('# TYPE scale_pool_counter_journal_syncs untyped\n');
    expect(body).toContain('scale_pool_free_bytes 106300440576\n');
    expect(body).toContain('scale_volume_size_bytes{volume="db"} 1073741824\n');
    for (const line of body.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[\d.e+-]+)$/,
      );
    }
  });

  test('a search for duplicates of a volume is begun, shown and stopped; of no volume it is a 404', async () => {
    await createDb({ dedup: 'post-process' });
    const path = '/api/v1/volumes/db/dedup';
    const begun = await ask('POST', path, { rateLimit: 4096 });
    expect([begun.statusCode, begun.json()]).toMatchObject([
      202,
      { volume: 'db', state: 'running', rateLimit: 4096, joinedBytes: 0, secondsLeft: null },
    ]);
    expect((await ask('GET', path)).json()).toMatchObject({ state: 'running' });
    expect((await ask('DELETE', path)).json()).toMatchObject({ state: 'stopped' });
    expect((await ask('POST', path, { rateLimit: 0 })).statusCode).toBe(400);
    expect((await ask('POST', '/api/v1/volumes/none/dedup', {})).statusCode).toBe(404);
  });

  test('settings of dedup in the background are shown and changed', async () => {
    const path = '/api/v1/pool/dedup';
    expect((await ask('GET', path)).json()).toMatchObject({
      unprocessedBytes: 0,
      last: { volume: null, state: 'never' },
    });
    const changed = await ask('PATCH', path, { quietBelow: 5, loadShare: 0.5 });
    expect(changed.json()).toMatchObject({ quietBelow: 5, loadShare: 0.5, rateLimit: 1000 });
    for (const wrong of [{}, { loadShare: 2 }, { rateLimit: 0 }, { other: 1 }])
      expect((await ask('PATCH', path, wrong)).statusCode).toBe(400);
  });

  test('a scrub is started, joined, told of and stopped', async () => {
    const begun = await ask('POST', '/api/v1/pool/scrub', { rateLimit: 4096 });
    expect([begun.statusCode, begun.json()]).toMatchObject([
      202,
      { state: 'running', rateLimit: 4096, findings: [], volumes: [] },
    ]);
    expect((await ask('GET', '/api/v1/pool')).json()).toMatchObject({
      scrub: { state: 'running', problems: 0 },
    });
    expect((await ask('DELETE', '/api/v1/pool/scrub')).json()).toMatchObject({ state: 'stopped' });
    const refused = await ask('POST', '/api/v1/pool/scrub', { rateLimit: 0 });
    expect(refused.statusCode).toBe(400);
  });

  test('the OpenAPI document has every route', async () => {
    const document = (await ask('GET', '/api/v1/openapi.json')).json<{
      openapi: string;
      paths: Record<string, Record<string, object>>;
    }>();
    expect(document.openapi).toBe('3.1.0');
    const paths = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(paths).toContain('post /api/v1/volumes');
    expect(paths).toContain('delete /api/v1/targets/{iqn}/luns/{lun}');
    expect(paths).toContain('get /readyz');
    expect(paths).toContain('delete /api/v1/volumes/{name}/reservations');
    expect(paths).toContain('post /api/v1/pool/scrub');
    expect(paths.length).toBeGreaterThanOrEqual(27);
    expect(document.paths['/api/v1/volumes']?.['post']).toMatchObject({
      responses: {
        201: { content: { 'application/json': {} } },
        default: { content: { 'application/problem+json': {} } },
      },
    });
  });
});

describe('who may use the API', () => {
  test('a name that leads here from elsewhere is refused', async () => {
    const response = await ask('GET', '/api/v1/volumes', undefined, { host: 'evil.example:8260' });
    expect(response.statusCode).toBe(400);
    for (const name of ['localhost:8260', '[::1]:8260', '10.0.0.1']) {
      const one = await ask('GET', '/api/v1/volumes', undefined, { host: name });
      expect(one.statusCode).toBe(200);
    }
  });

  test('with a token, only its bearer; health and readiness stay open', async () => {
    const guarded = await apiBench({ token: 'correct-token' });
    const status = async (url: string, authorization?: string): Promise<number> => {
      const headers = { ...host, ...(authorization === undefined ? {} : { authorization }) };
      return (await guarded.app.inject({ method: 'GET', url, headers })).statusCode;
    };
    expect(await status('/api/v1/volumes', 'Bearer correct-token')).toBe(200);
    expect(await status('/api/v1/volumes')).toBe(401);
    expect(await status('/api/v1/volumes', 'Bearer wrong-token')).toBe(401);
    expect(await status('/api/v1/volumes', 'Bearer ')).toBe(401);
    expect(await status('/api/v1/volumes', 'Basic correct-token')).toBe(401);
    expect(await status('/metrics')).toBe(401);
    expect(await status('/api/v1/nothing')).toBe(401);
    expect(await status('/healthz')).toBe(200);
    expect(await status('/readyz')).toBe(200);
    await guarded.app.close();
  });
});
