/** Mistakes and malice of callers, by command line and API: a clear answer, nothing changed, it lives on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Scale } from '../peers/scale.ts';

jest.setTimeout(120_000);

const LIBRARY = 'iqn.2026-01.com.example:library';

let folder: string;
let scale: Scale;
let before: string;

/** All that a refused change might have changed. */
async function everything(): Promise<string> {
  const paths = ['volumes', 'snapshots', 'targets', 'sessions'];
  const all = paths.map(async (path) => (await fetch(`${scale.apiUrl}/api/v1/${path}`)).json());
  return JSON.stringify(await Promise.all(all));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-bad-input-'));
  const disk = `${join(folder, 'disk')},size=512M`;
  scale = await Scale.start({ dataDirectory: join(folder, 'data'), args: ['--disk', disk] });
  await scale.createVolume('a', '--size', '64M');
  await scale.createVolume('b', '--size', '64M');
  await scale.cli('snapshot', 'create', 'a@one', 'b@two');
  await scale.cli('snapshot', 'create', 'a@cloned');
  await scale.cli('clone', 'create', 'a@cloned', 'clone');
  await scale.cli('target', 'create', LIBRARY);
  before = await everything();
});
afterAll(async () => {
  await scale.kill();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  expect(await everything()).toBe(before);
  expect(scale.isRunning).toBe(true);
});

describe('the command line', () => {
  test.each<[string, number, RegExp]>([
    ['volume create a --size 64M', 1, /there is a volume 'a' already: choose another name/],
    ['clone create a@one b', 1, /there is a volume 'b' already: choose another name/],
    ['snapshot create a@one', 1, /there is a snapshot 'a@one' already: choose another name/],
    ['snapshot create a@new a@new', 1, /named twice/],
    ['snapshot create a@new nobody@new', 1, /there is no volume 'nobody'/],
    [`target create ${LIBRARY}`, 1, /is there already; choose another name/],
    ['volume create ../etc --size 64M', 1, /name must be letters, digits/],
    ['volume create a..b --size 64M', 1, /'a\.\.b' is no volume name/],
    ['volume create .hidden --size 64M', 1, /name must be letters/],
    ['volume create a%2fb --size 64M', 1, /name must be letters/],
    ['volume show ..', 1, /'\.\.' is no name/],
    ['volume delete .. --force --with-snapshots', 1, /'\.\.' is no name/],
    ['volume delete ../volumes/a --force', 1, /there is no volume '\.\.\/volumes\/a'/],
    ['snapshot delete ..', 1, /'\.\.' is no name/],
    ['snapshot create a@../x', 1, /'\.\.\/x' is no snapshot name/],
    ['snapshot create a@x@y', 1, /'x@y' is no snapshot name/],
    ['snapshot create a', 1, /write VOLUME@SNAPSHOT/],
    ['clone create a@one ../clone', 1, /name must be letters/],
    ['target delete ..', 1, /'\.\.' is no name/],
    ['target create ../target', 1, /is not an iSCSI name/],
    [`target map ${LIBRARY} ../a`, 1, /there is no volume '\.\.\/a'/],
    ['volume create x --size 16384P', 2, /not a size below 8P/],
    ['volume create x --size 1e30', 2, /not a size/],
    ['volume create x --size 7P', 1, /a volume's size is from 1M to 4P/],
    ['volume resize a --size 7P', 1, /a volume's size is from 1M to 4P/],
    ['volume resize a --size 1', 1, /a volume's size is from 1M to 4P/],
    ['volume create x --size 64M --chunk-size 2M', 1, /the chunk size is a power of two/],
    ['volume create x --size 64M --dedup psychic', 2, /Choices: "pre-ack"/],
    ['volume create x --size 64M --compression lzma', 1, /'lzma' is no compression: use lz4/],
    ['volume set a --compression zstd-23', 1, /'zstd-23' is no compression/],
    ['snapshot rollback b@one', 1, /there is no snapshot 'b@one'/],
    ['snapshot rollback a@two', 1, /there is no snapshot 'a@two'/],
    ['snapshot rollback a@one', 1, /1 later snapshot would be lost.*'cloned'|'cloned', has clones/],
    ['snapshot rollback a@one --delete-later', 1, /'cloned', has clones: delete those first/],
    ['volume delete a', 1, /'a' has 2 snapshots: give --with-snapshots/],
  ])('%s: exit %i and why', async (line, exit, why) => {
    const { code, stdout, stderr } = await scale.tryCli(...line.split(' '));
    expect([code, stdout]).toEqual([exit, '']);
    expect(stderr).toMatch(why);
    expect(stderr).toMatch(/^scale: [^\n]*\n$/);
  });
});

const ask = async (
  method: string,
  path: string,
  body?: unknown,
): Promise<[number, string | undefined]> => {
  const response = await fetch(`${scale.apiUrl}/api/v1/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const problem = (await response.json()) as { detail?: string };
  return [response.status, problem.detail];
};

describe('the API', () => {
  const volume = { name: 'x', sizeBytes: 2 ** 26 };
  test.each<[string, string, unknown, number, RegExp]>([
    ['POST', 'volumes', { ...volume, name: 'a' }, 409, /already/],
    ['POST', 'volumes', { ...volume, name: '__proto__' }, 400, /name must be letters/],
    ['POST', 'volumes', { ...volume, name: '../../etc/passwd' }, 400, /name must be letters/],
    ['POST', 'volumes', { ...volume, sizeBytes: 2 ** 53 }, 400, /from 1M to 4P/],
    ['POST', 'volumes', { ...volume, sizeBytes: 1e308 }, 400, /from 1M to 4P/],
    ['POST', 'volumes', { ...volume, sizeBytes: -(2 ** 26) }, 400, /from 1M to 4P/],
    ['POST', 'volumes', { ...volume, chunkSizeBytes: 1e308 }, 400, /power of two/],
    ['POST', 'volumes', { ...volume, dedup: 'psychic' }, 400, /dedup must be .*pre-ack/],
    ['POST', 'volumes', { ...volume, compression: 'zstd-3.5' }, 400, /is no compression/],
    ['POST', 'volumes', { ...volume, durability: 'maybe' }, 400, /durability must be/],
    ['PATCH', 'volumes/a', { compression: 'zstd-' }, 400, /is no compression/],
    ['PATCH', 'volumes/a', { dedup: 'toString' }, 400, /dedup must be/],
    ['POST', 'volumes/a/resize', { sizeBytes: 2 ** 52 + 512 }, 400, /from 1M to 4P/],
    ['POST', 'volumes/a/resize', { sizeBytes: 2 ** 26 + 1 }, 400, /multiple of its block size/],
    ['DELETE', 'volumes/%2e%2e%2fvolumes%2fa?force=true', undefined, 404, /no volume/],
    ['DELETE', 'volumes/constructor', undefined, 404, /no volume 'constructor'/],
    ['POST', 'snapshots', { names: [] }, 400, /names must NOT have fewer/],
    ['POST', 'snapshots', { names: ['a@x', 'a@x/../y'] }, 400, /is no snapshot name/],
    ['POST', 'snapshots', { names: ['a@x', 'a@\u0000'] }, 400, /is no snapshot name/],
    ['POST', 'snapshots', { names: ['a@new', 'b@two'] }, 409, /'b@two' already/],
    ['POST', 'snapshots/b@one/rollback', {}, 404, /no snapshot 'b@one'/],
    ['POST', 'snapshots/a@one/rollback', { deleteLater: true, force: true }, 409, /has clones/],
    ['POST', 'snapshots/a/rollback', {}, 400, /write VOLUME@SNAPSHOT/],
    ['POST', 'clones', { snapshot: 'a@one', name: 'clone' }, 409, /already/],
    ['POST', 'clones', { snapshot: 'a', name: 'fresh' }, 400, /write VOLUME@SNAPSHOT/],
    ['POST', 'clones', { snapshot: 'a@one', name: 'a/b' }, 400, /name must be letters/],
    ['POST', `targets/${LIBRARY}/luns`, { volume: 'a@nothing' }, 404, /no snapshot/],
    ['POST', `targets/${LIBRARY}/luns`, { volume: 'a', lun: 2 ** 53 }, 400, /out of range/],
    ['POST', 'volumes/a/rewrite', { rateLimit: 0 }, 400, /rateLimit must be >= 1/],
    ['POST', 'volumes/a/rewrite', { rateLimit: '1' }, 400, /rateLimit must be integer/],
  ])('%s %s %j is answered with %i and why', async (method, path, body, status, why) => {
    const [answered, detail] = await ask(method, path, body);
    expect([answered, detail]).toEqual([status, expect.stringMatching(why)]);
  });
});

test('snapshots beyond what one journal record holds are refused', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `a@s${index}`);
  const [status, detail] = await ask('POST', 'snapshots', { names });
  expect([status, detail]).toEqual([400, expect.stringMatching(/names must NOT have more/)]);
});

test('of a volume that is being deleted no snapshot and no clone comes to be', async () => {
  for (let round = 0; round < 5; round++) {
    await ask('POST', 'volumes', { name: 'doomed', sizeBytes: 2 ** 26, export: false });
    await ask('POST', 'snapshots', { names: ['doomed@kept'] });
    const deletion = fetch(`${scale.apiUrl}/api/v1/volumes/doomed?withSnapshots=true`, {
      method: 'DELETE',
    });
    const answers = await Promise.all([
      ask('POST', 'snapshots', { names: ['doomed@late'] }),
      ask('POST', 'clones', { snapshot: 'doomed@kept', name: 'late', export: false }),
    ]);
    expect((await deletion).status).toBe(204);
    for (const [status, detail] of answers) {
      // Either came first, and then what it made is there as it should be.
      if (detail === undefined) continue;
      expect([status, detail]).toEqual([
        expect.any(Number),
        expect.stringMatching(/is being changed: try again|there is no (volume|snapshot)/),
      ]);
      expect([404, 409]).toContain(status);
    }
    await fetch(`${scale.apiUrl}/api/v1/volumes/late`, { method: 'DELETE' });
  }
});
