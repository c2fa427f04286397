import { PoolInWorld, calmWorld } from '../pool-in-world.ts';

test('an ejected medium and a sanitize operation outlive a power loss, by the journal and by a checkpoint', async () => {
  const world = calmWorld();
  const sanitize = {
    kind: 'sanitize',
    state: 'running',
    unrestrictedExit: true,
    pattern: 'aa',
  } as const;
  const first = await PoolInWorld.open(world);
  await first.create('disc', { removable: true });
  await first.create('plain');
  const volume = first.pool.openVolume('disc');
  await world.until(first.pool.keep(volume, { ejected: true, sanitize }));
  world.crash('power');
  const second = await PoolInWorld.open(world);
  expect(second.pool.volume('disc')).toMatchObject({ removable: true, ejected: true });
  expect(second.pool.openVolume('disc').record.sanitize).toEqual(sanitize);
  await expect(world.until(second.pool.createSnapshots(['disc@s']))).rejects.toMatchObject({
    code: 'in-use',
  });
  await world.until(second.pool.close());
  world.crash('process');
  const third = await PoolInWorld.open(world);
  expect(third.pool.openVolume('disc').record.sanitize).toEqual(sanitize);
  expect(third.pool.volume('plain')).toMatchObject({ removable: false, ejected: false });
  expect(() => third.pool.setVolume('plain', { ejected: true })).toThrow('--removable');
});
