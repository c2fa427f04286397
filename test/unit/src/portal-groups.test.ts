import { portalGroups, portalPrefix } from '../../../src/portal-groups.ts';
import { MemoryControlState } from '../../fakes/memory-control-state.ts';

const portal = (host: string, port = 3260) => ({ host, port });
let control: MemoryControlState;
beforeEach(() => {
  control = new MemoryControlState();
});
const tags = async (...portals: { host: string; port: number }[]): Promise<number[]> =>
  (await portalGroups(control, portals)).map(({ portalGroupTag }) => portalGroupTag);

describe('portal group tags', () => {
  test('count from 1 in the order in which portals are given', async () => {
    expect(await tags(portal('10.0.0.1'), portal('10.0.0.2'))).toEqual([1, 2]);
  });

  test('stay with their portal, whatever the order and whatever goes', async () => {
    await tags(portal('10.0.0.1'), portal('10.0.0.2'));
    expect(await tags(portal('10.0.0.2'))).toEqual([2]);
    expect(await tags(portal('10.0.0.3'), portal('10.0.0.2'), portal('10.0.0.1'))).toEqual([
      3, 2, 1,
    ]);
  });

  test('two portals on any free port are two groups', async () => {
    expect(await tags(portal('::1', 0), portal('::1', 0))).toEqual([1, 2]);
    expect(await tags(portal('::1', 0), portal('::1', 0))).toEqual([1, 2]);
  });

  test("a damaged one is given anew, and is no other portal's", async () => {
    await tags(portal('10.0.0.1'), portal('10.0.0.2'), portal('10.0.0.3'));
    control.damage(`${portalPrefix}10.0.0.2:3260`);
    expect(await tags(portal('10.0.0.2'), portal('10.0.0.3'))).toEqual([2, 3]);
  });
});
