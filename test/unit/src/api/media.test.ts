import type { Response } from 'light-my-request';
import { apiBench, type ApiBench } from '../../../fakes/api-bench.ts';

let bench: ApiBench;
beforeEach(async () => {
  bench = await apiBench();
});
afterEach(() => bench.app.close());

const post = (url: string, payload?: object): Promise<Response> =>
  bench.app.inject({
    method: 'POST',
    url: `/api/v1/volumes${url}`,
    headers: { host: '127.0.0.1:8260' },
    ...(payload === undefined ? {} : { payload }),
  });

describe('media over REST', () => {
  test('come out and go in, and initiators are told each time', async () => {
    await post('', { name: 'disc', sizeBytes: 2 ** 30, removable: true });
    const out = await post('/disc/eject');
    expect([out.statusCode, out.json()]).toMatchObject([200, { removable: true, ejected: true }]);
    expect((await post('/disc/load', {})).json()).toMatchObject({ ejected: false });
    expect(bench.targets.units.changed.map(({ identity }) => identity.name)).toEqual([
      'disc',
      'disc',
    ]);
  });

  test('stay in while an initiator keeps them in, unless forced', async () => {
    await post('', { name: 'disc', sizeBytes: 2 ** 30, removable: true });
    bench.targets.units.prevented = true;
    const kept = await post('/disc/eject', { force: false });
    expect([kept.statusCode, kept.body]).toEqual([409, expect.stringContaining('--force')]);
    expect((await post('/disc/eject', { force: true })).json()).toMatchObject({ ejected: true });
    expect((await post('/disc/load')).json()).toMatchObject({ ejected: false });
  });

  test('are of removable volumes alone', async () => {
    await post('', { name: 'db', sizeBytes: 2 ** 30 });
    expect((await post('/db/eject')).statusCode).toBe(400);
    expect((await post('/none/eject')).statusCode).toBe(404);
    expect((await post('/db/eject', { force: 'yes' })).statusCode).toBe(400);
    expect((await post('/db/load', { speed: 1 })).statusCode).toBe(400);
    expect(bench.targets.units.changed).toEqual([]);
  });
});
