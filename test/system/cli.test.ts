/** `scale` as people and scripts use it, against a member that serves. */
import { chmod, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, run } from '../peers/command.ts';
import type { Outcome } from '../peers/command.ts';
import { SCALE, Scale } from '../peers/scale.ts';

const cli = (...args: string[]): Promise<Outcome> => run(SCALE, args, { timeoutMs: 30_000 });
const initiator = 'iqn.1993-08.org.debian:01:abc';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const fileWith = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
};

describe('scale against a member', () => {
  let scale: Scale;
  const at = (...args: string[]): Promise<Outcome> => cli(...args, '--api', scale.apiUrl);

  beforeAll(async () => {
    const dataDirectory = join(folder, 'data');
    scale = await Scale.start({ dataDirectory, args: ['--first-volume', 'demo=64M'] });
  });
  afterAll(() => scale.terminate());

  test('tables are aligned, sizes in human units', async () => {
    const { stdout, stderr, code } = await at('volume', 'list');
    expect([code, stderr]).toEqual([0, '']);
    const [head = '', row = ''] = stdout.split('\n');
    expect(head).toMatch(
      /^NAME +SIZE +USED +UNIQUE +SNAPSHOTS +DEDUP +COMPRESSION +STATE +TARGET +LUN$/,
    );
    expect(row).toMatch(/^demo +64M +0 +≤ 0 +0 +pre-ack +lz4 +online +iqn\.\S+:demo +0$/);
    expect(head.indexOf('TARGET')).toBe(row.indexOf('iqn.'));
  });

  test('--json is one document on stdout, for every list', async () => {
    const lists = ['volume', 'target', 'session', 'disk'].map((thing) => [thing, 'list']);
    for (const args of [...lists, ['pool', 'events']]) {
      const { stdout, code } = await at(...args, '--json');
      expect(code).toBe(0);
      expect(Array.isArray(JSON.parse(stdout))).toBe(true);
    }
    expect(JSON.parse((await at('pool', 'status', '--json')).stdout)).toMatchObject({
      health: 'healthy',
    });
  });

  test('the space of the pool adds up [capacity = used + free; used = its six parts]', async () => {
    const pool = await scale.cli<Record<string, number>>('pool', 'status');
    const of = (name: string): number => pool[`${name}Bytes`] ?? NaN;
    expect(of('used') + of('free')).toBe(of('capacity'));
    const parts = ['stored', 'parity', 'metadata', 'journal', 'dead', 'reserve'];
    expect(parts.reduce((sum, name) => sum + of(name), 0)).toBe(of('used'));
  });

  test('a scrub runs to its end, and is told of with the pool', async () => {
    const { stdout, stderr, code } = await at('pool', 'scrub', '--wait');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^scrub: +finished\n[^]*problems: +0\n$/);
    expect((await at('pool', 'status')).stdout).toMatch(/^scrub: +finished .* 0 problems$/m);
    expect(await scale.cli('pool', 'scrub', '--status')).toMatchObject({ state: 'finished' });
    expect(await scale.cli('pool', 'scrub', '--stop')).toMatchObject({ state: 'finished' });
    expect((await at('pool', 'scrub', '--rate', 'much')).code).toBe(2);
  });

  test('a volume lives: created, resized, set, deleted', async () => {
    const created = await scale.createVolume('life', '--size', '16M', '--block-size', '4096');
    expect(created).toMatchObject({ sizeBytes: 2 ** 24, blockSizeBytes: 4096, lun: 0 });
    expect(await scale.cli('volume', 'resize', 'life', '--size', '32M')).toMatchObject({
      sizeBytes: 2 ** 25,
    });
    const shrink = ['volume', 'resize', 'life', '--size', '16M'];
    expect((await at(...shrink)).stderr).toMatch(/--shrink/);
    expect((await at(...shrink, '--shrink')).code).toBe(0);
    expect(
      await scale.cli('volume', 'set', 'life', '--durability', 'sync', '--read-only'),
    ).toMatchObject({ durability: 'sync', readOnly: true });
    expect((await at('volume', 'delete', 'life', '--wait')).code).toBe(0);
    const gone = await at('volume', 'show', 'life');
    expect([gone.code, gone.stdout]).toEqual([1, '']);
    expect(gone.stderr).toMatch(/^scale: there is no volume 'life'.*\n$/);
  });

  test('a medium comes out and goes in, of removable volumes alone', async () => {
    await scale.cli('volume', 'create', 'disc', '--size', '8M', '--removable');
    expect((await at('volume', 'eject', 'disc')).stdout).toBe('ejected disc\n');
    expect((await at('volume', 'list')).stdout).toMatch(/^disc .* online, ejected /m);
    expect(await scale.cli('volume', 'load', 'disc')).toMatchObject({ ejected: false });
    const refused = await at('volume', 'eject', 'demo');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--removable')]);
    expect((await at('volume', 'delete', 'disc')).code).toBe(0);
  });

  test('a snapshot lives: taken, shown, cloned, mapped, rolled back to, deleted', async () => {
    await scale.cli('volume', 'create', 'base', '--size', '8M');
    const taken = await scale.cli<{ name: string }[]>('snapshot', 'create', 'base@s', 'demo@s');
    expect(taken.map(({ name }) => name)).toEqual(['base@s', 'demo@s']);
    expect(await scale.cli('snapshot', 'show', 'base@s', '--exact')).toMatchObject({
      ...{ volume: 'base', sizeBytes: 2 ** 23, usedBytes: 0, uniqueBytes: 0, freeableBytes: 0 },
      ...{ clones: 0, state: 'online' },
    });
    expect(await scale.cli('volume', 'show', 'base', '--exact')).toMatchObject({
      ...{ name: 'base', usedBytes: 0, freeableBytes: 0 },
    });
    await scale.cli('clone', 'create', 'base@s', 'copy');
    const { target } = await scale.cli<{ target: string }>('volume', 'show', 'copy');
    const { luns } = await scale.cli<{ luns: unknown[] }>('target', 'map', target, 'demo@s');
    expect(luns).toContainEqual({ lun: 1, volume: 'demo@s' });
    await scale.cli('snapshot', 'create', 'base@later');
    const refused = await at('snapshot', 'rollback', 'base@s');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--delete-later')]);
    await scale.cli('snapshot', 'rollback', 'base@s', '--delete-later');
    const kept = await at('volume', 'delete', 'base');
    expect([kept.code, kept.stderr]).toEqual([1, expect.stringContaining('--with-snapshots')]);
    await scale.cli('volume', 'delete', 'base', '--with-snapshots', '--wait');
    await scale.cli('snapshot', 'delete', 'demo@s', '--wait');
    await scale.cli('volume', 'delete', 'copy');
    expect(await scale.cli('snapshot', 'list')).toEqual([]);
  });

  test('a name used again gets another IQN and another NAA', async () => {
    const first = await scale.createVolume('again', '--size', '16M');
    await at('volume', 'delete', 'again');
    const second = await scale.createVolume('again', '--size', '16M');
    expect(second.target).not.toBe(first.target);
    expect(second).not.toMatchObject({ naa: (first as unknown as { naa: string }).naa });
  });

  test('a target lives: LUNs, access list, CHAP from files, deletion', async () => {
    const iqn = 'iqn.2026-01.com.example:cli';
    await scale.createVolume('bare', '--size', '16M', '--no-export');
    expect(await scale.cli('volume', 'show', 'bare')).toMatchObject({ target: null });
    await at('target', 'create', iqn);
    expect(await scale.cli('target', 'map', iqn, 'bare', '--lun', '7')).toMatchObject({
      luns: [{ lun: 7, volume: 'bare' }],
    });
    expect(await scale.cli('target', 'unmap', iqn, 'bare')).toMatchObject({ luns: [] });
    expect(await scale.cli('target', 'allow', iqn, initiator)).toMatchObject({
      allowed: [initiator],
    });
    expect(await scale.cli('target', 'open', iqn)).toMatchObject({ open: true });
    const secret = await fileWith('secret', 'what-the-initiator-knows\n');
    const mutual = await fileWith('mutual', 'what-the-target-knows\n');
    const chap = await scale.cli(
      ...['target', 'chap', iqn, '--user', 'me', '--secret-file', secret],
      ...['--mutual-user', 'us', '--mutual-secret-file', mutual],
    );
    expect(chap).toMatchObject({ chap: { user: 'me', mutualUser: 'us' } });
    expect(JSON.stringify(chap)).not.toContain('knows');
    expect(await scale.cli('target', 'chap', iqn, '--off')).toMatchObject({ chap: null });
    expect((await at('target', 'delete', iqn)).code).toBe(0);
    expect((await at('target', 'show', iqn)).code).toBe(1);
    expect(scale.log).not.toContain('knows');
  });

  test('SCALE_API names the member as well, and no member is a clear answer', async () => {
    const env = { SCALE_API: scale.apiUrl };
    const listed = await run(SCALE, ['volume', 'list'], { timeoutMs: 30_000, env });
    expect(listed.stdout).toMatch(/demo/);
    const nobody = await cli('volume', 'list', '--api', `http://127.0.0.1:${await freePort()}`);
    expect([nobody.code, nobody.stdout]).toEqual([1, '']);
    expect(nobody.stderr).toMatch(/^scale: no member answers at .* 'scale serve'.*\n$/);
  });

  test('files of the member are readable by their owner alone', async () => {
    const data = join(folder, 'data');
    const names = await readdir(data, { recursive: true });
    expect(names).toEqual(expect.arrayContaining(['control.sqlite', 'control.key']));
    for (const name of names) {
      const { mode } = await stat(join(data, name));
      expect([name, mode & 0o077]).toEqual([name, 0]);
    }
  });
});

describe('scale by itself', () => {
  test.each([
    [['volume', 'create', 'x'], /size/],
    [['volume', 'create', 'x', '--size', 'big'], /--size: 'big' is not a size/],
    [['volume', 'list', '--colour'], /Unknown argument: colour/],
    [['volume', 'set', 'x'], /name a setting/],
    [['volume', 'create', 'x', '--size', '1G', '--dedup', 'never'], /Invalid values/],
    [['flush'], /flush/],
    [[], /name a command/],
    [['target', 'chap', 'iqn.2026-01.com.example:x', '--user', 'me'], /--secret-file/],
    [['serve'], /data/],
    [['serve', '--data', '/tmp/x', '--portal', 'nowhere'], /--portal: 'nowhere' is not host:port/],
    [['serve', '--data', '/tmp/x', '--memory', '1K'], /--memory: 1K is too little/],
    [['serve', '--data', '/tmp/x', '--disk', '/tmp/y=tape'], /'tape' is not a class/],
    [['serve', '--data', '/tmp/x', '--protect', '4+2'], /--protect: 4\+2 is not available/],
    [['serve', '--data', '/tmp/x', '--api', '0.0.0.0:0'], /reachable from outside/],
  ])('%j is a mistake in usage: exit 2 and one line', async (args, message) => {
    const { code, stdout, stderr } = await cli(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^scale: [^\n]*\n$/);
  });

  test('--help explains every level', async () => {
    for (const level of [[], ['volume'], ['volume', 'create'], ['target', 'chap'], ['serve']]) {
      const { code, stdout } = await cli(...level, '--help');
      expect(code).toBe(0);
      expect(stdout).toContain(['scale', ...level].join(' '));
      expect(stdout).toContain('--help');
    }
  });

  test('check of a directory without a pool says so and makes nothing', async () => {
    const empty = await mkdtemp(join(folder, 'empty-'));
    const { code, stderr } = await cli('check', '--data', empty, '--disk', empty);
    expect(code).toBe(1);
    expect(stderr).toMatch(/holds no pool/);
    expect((await readdir(empty)).filter((name) => name !== 'lock')).toEqual([]);
  });
});

describe('serve', () => {
  const started: Scale[] = [];
  const start = async (...options: Parameters<typeof Scale.start>): Promise<Scale> => {
    const scale = await Scale.start(...options);
    started.push(scale);
    return scale;
  };
  afterEach(async () => {
    for (const scale of started.splice(0)) await scale.kill();
  });
  const refusal = async (dataDirectory: string, args: string[] = []): Promise<string> =>
    String(await start({ dataDirectory, args }).catch((error: unknown) => error));

  test('reads flags from a configuration file; those of the command line win', async () => {
    const dataDirectory = join(folder, 'configured');
    const config = await fileWith(
      'serve.json',
      JSON.stringify({ disk: [`${dataDirectory}/d=hdd,size=1G`], 'first-volume': 'a=16M' }),
    );
    const scale = await start({
      dataDirectory,
      args: ['--config', config, '--first-volume', 'b=32M'],
    });
    expect(await scale.cli('volume', 'list')).toMatchObject([{ name: 'b', sizeBytes: 2 ** 25 }]);
    expect(await scale.cli('disk', 'list')).toMatchObject([
      { class: 'hdd', capacityBytes: 2 ** 30 },
    ]);
  });

  test('refuses a configuration file with a flag that it does not know', async () => {
    const config = await fileWith('bad.json', JSON.stringify({ colour: 'red' }));
    expect(await refusal(join(folder, 'never'), ['--config', config])).toMatch(
      /ended with 2:[^]*colour/,
    );
    const broken = await fileWith('broken.json', '{');
    expect(await refusal(join(folder, 'never'), ['--config', broken])).toMatch(
      /ended with 2:[^]*--config/,
    );
  });

  test('asks callers of the API for the token', async () => {
    const token = await fileWith('token', 'a-long-random-token\n');
    const dataDirectory = join(folder, 'guarded');
    const scale = await start({ dataDirectory, args: ['--api-token-file', token] });
    const refused = await cli('volume', 'list', '--api', scale.apiUrl);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/token/);
    const list = ['volume', 'list', '--api', scale.apiUrl, '--token-file', token];
    expect((await cli(...list)).code).toBe(0);
    expect(scale.log).not.toContain('a-long-random-token');
  });

  test('makes the first volume once, not again when it was deleted with others there', async () => {
    const dataDirectory = join(folder, 'first');
    const args = ['--first-volume', 'demo=16M'];
    const one = await start({ dataDirectory, args });
    await one.createVolume('other', '--size', '16M');
    await one.cli('volume', 'delete', 'demo');
    await one.terminate();
    const two = await start({ dataDirectory, args });
    expect(await two.cli('volume', 'list')).toMatchObject([{ name: 'other' }]);
  });

  test('names damaged control state, refuses, and goes on without it when told to', async () => {
    const dataDirectory = join(folder, 'damaged');
    const args = ['--first-volume', 'demo=16M'];
    await (await start({ dataDirectory, args })).terminate();
    await truncate(join(dataDirectory, 'control.sqlite'), 4096);
    expect(await refusal(dataDirectory)).toMatch(/ended with 1:[^]*control\.sqlite.*--accept-loss/);
    const scale = await start({ dataDirectory, args: ['--accept-loss'] });
    expect(await scale.cli('volume', 'list')).toMatchObject([{ name: 'demo', target: null }]);
    expect(await readdir(dataDirectory)).toContain('control.sqlite.damaged-1');
  });

  test('says in one line that a directory cannot be used', async () => {
    const file = await fileWith('a-file', 'not a directory');
    expect(await refusal(join(file, 'data'))).toMatch(/ended with 1:\nscale: [^\n]*a-file[^\n]*\n/);
    await chmod(file, 0o600);
  });

  test('a signal that comes twice, as make and timeout send it, drains all the same', async () => {
    const dataDirectory = join(folder, 'twice');
    const scale = await start({ dataDirectory });
    const { pid } = scale;
    const ended = scale.terminate();
    for (let more = 0; more < 3 && pid !== undefined; more++) process.kill(pid, 'SIGTERM');
    expect((await ended).code).toBe(0);
  });

  test('check counts the pool again after the member has gone', async () => {
    const dataDirectory = join(folder, 'checked');
    const scale = await start({ dataDirectory, args: ['--first-volume', 'demo=16M'] });
    await scale.kill();
    const { code, stdout } = await cli('check', '--data', dataDirectory, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ volumes: 1, targets: 1, problems: [] });
  });
});
