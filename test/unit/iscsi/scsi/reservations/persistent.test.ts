import {
  ALL_TG_PT,
  APTPL,
  CONFLICT,
  EA,
  EA_AR,
  EA_RO,
  key,
  Out,
  SPEC_I_PT,
  threeHosts,
  transportId,
  transportIds,
  TYPES,
  WE,
  WE_AR,
  WE_RO,
} from './reserving-host.ts';

const nameOf = (host: string): string => `iqn.2024-01.com.example:${host}`;
const isid = '80123456789a';

describe('registering [SPC-4 §5.13.7]', () => {
  test('a key is registered, changed and taken back by its nexus alone', () => {
    const { a, b } = threeHosts();
    expect(a.register(7)).toBe('good');
    expect([a.keys(), a.generation()]).toEqual([[7], 1]);
    expect(b.register(8, { key: 7 })).toBe(CONFLICT);
    expect(a.register(9, { key: 8 })).toBe(CONFLICT);
    expect(a.register(9, { key: 7 })).toBe('good');
    expect(b.keys()).toEqual([9]);
    expect(a.register(0, { key: 9 })).toBe('good');
    expect([b.keys(), b.generation()]).toEqual([[], 3]);
  });

  test('key 0 from a nexus that is not registered does nothing', () => {
    const { a } = threeHosts();
    expect(a.register(0)).toBe('good');
    expect(a.out(Out.registerAndIgnore).outcome).toBe('good');
    expect([a.keys(), a.generation()]).toEqual([[], 0]);
  });

  test('REGISTER AND IGNORE EXISTING KEY looks at no key', () => {
    const { a } = threeHosts();
    a.register(7);
    expect(a.out(Out.registerAndIgnore, { key: 99, actionKey: 8 }).outcome).toBe('good');
    expect(a.keys()).toEqual([8]);
  });

  test('ALL_TG_PT registers on every target port, and READ FULL STATUS names each', () => {
    const { a, b } = threeHosts();
    expect(a.register(7, { flags: ALL_TG_PT })).toBe('good');
    expect(b.keys()).toEqual([7, 7]);
    const id = transportId(nameOf('host-a'), isid);
    const one = (port: string): string =>
      `${key(7)}00000000` +
      `0000` +
      '00000000' +
      port +
      (id.length / 2).toString(16).padStart(8, '0') +
      id;
    expect(b.in(3).slice(16)).toBe(one('0001') + one('0002'));
    expect(a.register(0, { key: 7, flags: ALL_TG_PT })).toBe('good');
    expect(b.keys()).toEqual([]);
  });

  test('ALL_TG_PT leaves a registration of another key alone unless told to ignore it', () => {
    const { a, host } = threeHosts();
    const other = host('host-a', 2);
    other.register(5);
    expect(a.register(7, { flags: ALL_TG_PT })).toBe('good');
    expect(a.keys()).toEqual([5, 7]);
    a.out(Out.registerAndIgnore, { actionKey: 8, flags: ALL_TG_PT });
    expect(a.keys()).toEqual([8, 8]);
  });

  test('SPEC_I_PT registers the ports that TransportIDs name, with and without ISID', () => {
    const { a, c } = threeHosts();
    const more = transportIds(
      transportId(nameOf('HOST-X'), isid),
      transportId(nameOf('host-c'), null),
    );
    expect(a.register(7, { flags: SPEC_I_PT, more })).toBe('good');
    expect(a.keys()).toEqual([7, 7, 7]);
    expect(c.reserve(7, WE)).toBe('good');
  });

  test.each([
    ['of no initiator that is known', transportId('iqn.2020-01.x:y', null), '5/26/00', '800020'],
    [
      'of another protocol',
      transportId(nameOf('x'), isid).replace('45', '46'),
      '5/26/00',
      '8b001c',
    ],
    ['of no format', transportId(nameOf('x'), isid).replace('45', '85'), '5/26/00', '8f001c'],
    ['with a bad ISID', transportId('iqn.2020-01.x:y', '8012345678zz'), '5/26/00', '800034'],
    ['without an end', `45000014${'61'.repeat(20)}`, '5/26/00', '800020'],
    ['of an odd length', `45000015${'61'.repeat(21)}`, '5/26/00', '80001e'],
    ['that is too short', `45000010${'61'.repeat(16)}`, '5/26/00', '80001e'],
    ['that the list cuts', transportId(nameOf('x'), isid).slice(0, -8), '5/1a/00', '000000'],
  ])('a TransportID %s registers nobody', (_, id, outcome, pointer) => {
    const { a } = threeHosts();
    const more = transportIds(transportId(nameOf('host-y'), isid)).slice(8);
    const list = { actionKey: 7, flags: SPEC_I_PT, more: transportIds(id) };
    const task = a.out(Out.register, list);
    expect([task.outcome, task.fieldPointer, a.keys()]).toEqual([outcome, pointer, []]);
    expect(a.out(Out.register, { ...list, more: transportIds(more, id) }).outcome).toBe(outcome);
    expect(a.keys()).toEqual([]);
  });

  test('SPEC_I_PT names no nexus that is registered already, and no registrant uses it', () => {
    const { a, c } = threeHosts();
    c.register(1);
    const more = transportIds(transportId(nameOf('host-c'), isid));
    const task = a.out(Out.register, { actionKey: 7, flags: SPEC_I_PT, more });
    expect([task.outcome, task.fieldPointer]).toEqual(['5/26/00', '80001c']);
    expect(a.keys()).toEqual([1]);
    const again = c.out(Out.register, { key: 1, actionKey: 7, flags: SPEC_I_PT, more });
    expect([again.outcome, again.fieldPointer]).toEqual(['5/26/00', '8b0014']);
  });

  test('the number of registrations is bounded', () => {
    const { a } = threeHosts();
    const ids = Array.from({ length: 512 }, (_, at) =>
      transportId(nameOf('x'), at.toString(16).padStart(12, '0')),
    );
    const all = { actionKey: 7, flags: SPEC_I_PT };
    expect(a.out(Out.register, { ...all, more: transportIds(...ids) }).outcome).toBe('5/55/04');
    expect(a.keys()).toEqual([]);
    expect(a.out(Out.register, { ...all, more: transportIds(...ids.slice(1)) }).outcome).toBe(
      'good',
    );
    expect(a.keys().length).toBe(512);
  });
});

describe('what a reservation admits [SPC-4 table 65, SBC-4 table 13]', () => {
  const all = TYPES.map((type) => ({ type }));

  test.each(all)('type $type: the holder does everything', ({ type }) => {
    const { a } = threeHosts();
    a.register(1);
    a.reserve(1, type);
    expect([a.read().outcome, a.write().outcome]).toEqual(['good', 'good']);
  });

  test.each(all)('type $type: a registrant may with the types for registrants only', ({ type }) => {
    const { a, b } = threeHosts();
    a.register(1);
    b.register(2);
    a.reserve(1, type);
    const forAll = type >= WE_RO;
    expect(b.write().outcome).toBe(forAll ? 'good' : CONFLICT);
    expect(b.read().outcome).toBe(forAll || type === WE ? 'good' : CONFLICT);
  });

  test.each(all)('type $type: a stranger reads at most', ({ type }) => {
    const { a, b } = threeHosts();
    a.register(1);
    a.reserve(1, type);
    const exclusiveAccess = [EA, EA_RO, EA_AR].includes(type);
    expect(b.write().outcome).toBe(CONFLICT);
    expect(b.read().outcome).toBe(exclusiveAccess ? CONFLICT : 'good');
    expect(b.send('1A 08 0A 00 FF 00').outcome).toBe(exclusiveAccess ? CONFLICT : 'good');
    const allowed = ['00 00 00 00 00 00', '12 00 00 00 24 00', '03 00 00 00 12 00'];
    const more = ['A0 00 00 00 00 00 00 00 10 00 00 00', '25 00 00 00 00 00 00 00 00 00'];
    for (const cdb of [...allowed, ...more, '5E 00 00 00 00 00 00 00 FF 00', '1B 00 00 00 01 00']) {
      expect(b.send(cdb).outcome).toBe('good');
    }
    expect(b.send('1B 00 00 00 00 00').outcome).toBe(CONFLICT);
    expect(b.send('35 00 00 00 00 00 00 00 00 00').outcome).toBe(CONFLICT);
  });

  test('a conflict gives no data, and nothing is written', () => {
    const { a, b, device } = threeHosts();
    a.register(1);
    a.reserve(1, EA);
    const task = b.read();
    expect([task.status, task.result?.dataInBytes, task.dataIn.length]).toEqual([0x18, 0, 0]);
    device.holding = true;
    b.write();
    expect(device.heldCount).toBe(0);
  });
});

describe('reserving and releasing [SPC-4 §5.13.9, §5.13.11.2.2]', () => {
  test('only a registrant reserves, and only one', () => {
    const { a, b } = threeHosts();
    expect(a.reserve(1, WE)).toBe(CONFLICT);
    a.register(1);
    b.register(2);
    expect(a.reserve(2, WE)).toBe(CONFLICT);
    expect(a.reserve(1, WE)).toBe('good');
    expect(a.reserve(1, WE)).toBe('good');
    expect([a.reserve(1, EA), b.reserve(2, WE)]).toEqual([CONFLICT, CONFLICT]);
    expect([b.reservation(), b.generation()]).toEqual(['1:1', 2]);
  });

  test.each([0x02, 0x09, 0x11, 0x00])('scope and type %i are none: byte 2 of the CDB', (type) => {
    const { a } = threeHosts();
    a.register(1);
    const task = a.out(Out.reserve, { key: 1, type });
    expect([task.outcome, task.fieldPointer]).toEqual(['5/24/00', 'c00002']);
  });

  test('with all registrants each is the holder, and the key shown is 0', () => {
    const { a, b } = threeHosts();
    a.register(1);
    b.register(2);
    a.reserve(1, WE_AR);
    expect([b.reserve(2, WE_AR), b.reservation()]).toEqual(['good', '0:7']);
    expect(b.out(Out.release, { key: 2, type: WE_AR }).outcome).toBe('good');
    expect([a.settle(), a.reservation()]).toEqual([['6/2a/04'], null]);
  });

  test('a release by another does nothing; by the holder it must name what there is', () => {
    const { a, b } = threeHosts();
    a.register(1);
    b.register(2);
    a.reserve(1, WE);
    expect(b.out(Out.release, { key: 2, type: WE }).outcome).toBe('good');
    expect(a.out(Out.release, { key: 1, type: EA }).outcome).toBe('5/26/04');
    expect(a.reservation()).toBe('1:1');
    expect(a.out(Out.release, { key: 1, type: WE }).outcome).toBe('good');
    expect([a.reservation(), b.settle()]).toEqual([null, []]);
  });

  test.each([WE, WE_RO, EA_RO])('type %i goes with the registration of its holder', (type) => {
    const { a, b, c } = threeHosts();
    a.register(1);
    b.register(2);
    a.reserve(1, type);
    a.register(0, { key: 1 });
    expect(a.reservation()).toBe(null);
    expect([b.settle(), c.settle()]).toEqual([type === WE ? [] : ['6/2a/04'], []]);
  });

  test('for all registrants it goes with the last', () => {
    const { a, b } = threeHosts();
    a.register(1);
    b.register(2);
    a.reserve(1, EA_AR);
    a.register(0, { key: 1 });
    expect(b.reservation()).toBe('0:8');
    b.register(0, { key: 2 });
    expect([b.reservation(), b.settle()]).toEqual([null, []]);
  });
});

describe('clearing and preempting [SPC-4 §5.13.11.2.4 to §5.13.11.2.7]', () => {
  test('CLEAR takes all away and tells the others', () => {
    const { a, b, c } = threeHosts();
    a.register(1);
    b.register(2);
    a.reserve(1, EA);
    expect(c.out(Out.clear).outcome).toBe(CONFLICT);
    expect(b.out(Out.clear, { key: 2 }).outcome).toBe('good');
    expect([a.settle(), b.settle(), c.settle()]).toEqual([['6/2a/03'], [], []]);
    expect([a.keys(), a.reservation(), a.generation()]).toEqual([[], null, 3]);
  });

  test('PREEMPT of the holder takes its place, and its registration', () => {
    const { a, b, c } = threeHosts();
    a.register(1);
    b.register(2);
    c.register(3);
    a.reserve(1, WE_RO);
    const task = b.out(Out.preempt, { key: 2, actionKey: 1, type: EA });
    expect([task.outcome, b.reservation(), b.keys()]).toEqual(['good', '2:3', [2, 3]]);
    expect([a.settle(), c.settle()]).toEqual([['6/2a/05'], ['6/2a/04']]);
    expect([a.read().outcome, c.read().outcome]).toEqual([CONFLICT, CONFLICT]);
  });

  test('PREEMPT with the same type tells those that stay nothing', () => {
    const { a, b, c } = threeHosts();
    a.register(1);
    b.register(2);
    c.register(3);
    a.reserve(1, WE_RO);
    b.out(Out.preempt, { key: 2, actionKey: 1, type: WE_RO });
    expect(c.settle()).toEqual([]);
  });

  test('PREEMPT of another key removes registrations, whatever its scope and type', () => {
    const { a, b, c } = threeHosts();
    a.register(1);
    b.register(2);
    c.register(2);
    a.reserve(1, WE);
    expect(a.out(Out.preempt, { key: 1, actionKey: 2, type: 0xff }).outcome).toBe('good');
    expect([a.keys(), a.reservation()]).toEqual([[1], '1:1']);
    expect([b.settle(), c.settle()]).toEqual([['6/2a/05'], ['6/2a/05']]);
  });

  test('PREEMPT of a key that nobody has is a conflict; of key 0 an invalid field', () => {
    const { a } = threeHosts();
    a.register(1);
    expect(a.out(Out.preempt, { key: 1, actionKey: 5, type: WE }).outcome).toBe(CONFLICT);
    const task = a.out(Out.preempt, { key: 1, actionKey: 0, type: WE });
    expect([task.outcome, task.fieldPointer]).toEqual(['5/26/00', '800008']);
  });

  test('the holder preempts itself to change the type, and stays registered', () => {
    const { a, b } = threeHosts();
    a.register(1);
    b.register(2);
    a.reserve(1, WE_RO);
    expect(a.out(Out.preempt, { key: 1, actionKey: 1, type: EA_RO }).outcome).toBe('good');
    expect([a.reservation(), a.keys(), b.settle()]).toEqual(['1:6', [1, 2], ['6/2a/04']]);
  });

  test('who preempts its own key and holds nothing is no registrant any more', () => {
    const { a, b } = threeHosts();
    a.register(1);
    b.register(2);
    b.reserve(2, WE);
    expect(a.out(Out.preempt, { key: 1, actionKey: 1, type: WE }).outcome).toBe('good');
    expect([a.keys(), a.settle(), a.reservation()]).toEqual([[2], [], '2:1']);
  });

  test('with all registrants key 0 preempts all of them', () => {
    const { a, b, c } = threeHosts();
    a.register(1);
    b.register(2);
    c.register(3);
    a.reserve(1, WE_AR);
    expect(b.out(Out.preempt, { key: 2, actionKey: 0, type: EA }).outcome).toBe('good');
    expect([b.keys(), b.reservation()]).toEqual([[2], '2:3']);
    expect([a.settle(), c.settle()]).toEqual([['6/2a/05'], ['6/2a/05']]);
  });

  test('PREEMPT AND ABORT ends the commands of those it preempts, and waits for them', () => {
    const { a, b, c, device } = threeHosts();
    a.register(1);
    b.register(2);
    a.reserve(1, WE_RO);
    device.holding = true;
    const lost = a.write();
    const kept = c.read();
    const task = b.out(Out.preemptAndAbort, { key: 2, actionKey: 1, type: EA });
    expect([task.outcome, lost.outcome]).toEqual(['pending', 'pending']);
    expect(a.settle()).toEqual(['6/2a/05', '6/2f/00']);
    expect(a.write().outcome).toBe(CONFLICT);
    device.release([0]);
    expect([task.outcome, lost.outcome, kept.outcome]).toEqual(['good', 'dropped', 'pending']);
    device.release();
    expect(kept.outcome).toBe('good');
  });

  test('PREEMPT lets the commands of those it preempts end', () => {
    const { a, b, device } = threeHosts();
    a.register(1);
    b.register(2);
    a.reserve(1, WE_RO);
    device.holding = true;
    const running = a.write();
    expect(b.out(Out.preempt, { key: 2, actionKey: 1, type: EA }).outcome).toBe('good');
    device.release();
    expect(running.outcome).toBe('good');
  });
});

describe('REGISTER AND MOVE [SPC-4 §5.13.8]', () => {
  const to = transportId(nameOf('host-b'), isid);

  test('gives the reservation to another nexus, registered with the key given', () => {
    const { a, b } = threeHosts();
    a.register(1);
    a.reserve(1, EA);
    expect(a.move({ key: 1, actionKey: 9, port: 2, to }).outcome).toBe('good');
    expect([a.keys(), a.reservation()]).toEqual([[1, 9], '9:3']);
    expect([a.read().outcome, b.read().outcome]).toEqual([CONFLICT, 'good']);
  });

  test('UNREG takes the registration of the giver', () => {
    const { a, b } = threeHosts();
    a.register(1);
    a.reserve(1, EA);
    a.move({ key: 1, actionKey: 9, flags: 2, port: 2, to });
    expect([b.keys(), b.reservation()]).toEqual([[9], '9:3']);
  });

  test('needs a reservation, its holder, a key and a port that there is', () => {
    const { a, b } = threeHosts();
    expect(a.move({ key: 1, actionKey: 9, port: 2, to }).outcome).toBe(CONFLICT);
    a.register(1);
    expect(a.move({ key: 1, actionKey: 9, port: 2, to }).outcome).toBe('5/24/00');
    b.register(2);
    b.reserve(2, WE);
    expect(a.move({ key: 1, actionKey: 9, port: 2, to }).outcome).toBe(CONFLICT);
    const home = transportId(nameOf('host-a'), isid);
    const zero = b.move({ key: 2, actionKey: 0, port: 1, to: home });
    expect([zero.outcome, zero.fieldPointer]).toEqual(['5/26/00', '800008']);
    const port = b.move({ key: 2, actionKey: 9, port: 3, to: home });
    expect([port.outcome, port.fieldPointer]).toEqual(['5/26/00', '800012']);
    const self = b.move({ key: 2, actionKey: 9, port: 1, to });
    expect([self.outcome, self.fieldPointer]).toEqual(['5/26/00', '800018']);
    expect([a.keys(), a.reservation()]).toEqual([[1, 2], '2:1']);
  });

  test('conflicts with a reservation for all registrants', () => {
    const { a } = threeHosts();
    a.register(1);
    a.reserve(1, WE_AR);
    expect(a.move({ key: 1, actionKey: 9, port: 2, to }).outcome).toBe(CONFLICT);
  });
});

describe('bad parameter lists name their byte and bit', () => {
  const list = (flags: string): string => key(0) + key(7) + '00000000' + flags + '0000';
  test.each([
    ['8000', '8f0014'],
    ['0200', '890014'],
    ['0001', '880015'],
  ])('reserved bits in bytes 20 and 21: %s', (flags, pointer) => {
    const { a } = threeHosts();
    const task = a.sendList(Out.register, 0, list(flags));
    expect([task.outcome, task.fieldPointer, a.keys()]).toEqual(['5/26/00', pointer, []]);
  });

  test('SPEC_I_PT goes with REGISTER only', () => {
    const { a } = threeHosts();
    const task = a.out(Out.registerAndIgnore, { actionKey: 7, flags: SPEC_I_PT, more: '00000000' });
    expect([task.outcome, task.fieldPointer]).toEqual(['5/26/00', '8b0014']);
  });

  test('a basic list has 24 bytes', () => {
    const { a } = threeHosts();
    expect(a.sendList(Out.register, 0, list('0000') + '00').outcome).toBe('5/1a/00');
    expect(a.sendList(Out.register, 0, list('0000').slice(2)).outcome).toBe('5/1a/00');
    const short = a.sendList(Out.register, 0, list('0000'), { expectedDataOutBytes: 20 });
    expect(['5/1a/00', 'good']).toContain(short.outcome);
    expect(a.send('5F 00 00 00 00 00 02 00 00 00').outcome).toBe('5/24/00');
  });

  test('an unknown service action is an invalid field of the CDB', () => {
    const { a } = threeHosts();
    expect(a.send('5E 04 00 00 00 00 00 00 FF 00').fieldPointer).toBe('cc0001');
    expect(a.send('5F 09 00 00 00 00 00 00 18 00').fieldPointer).toBe('cc0001');
  });
});

test('REPORT CAPABILITIES: all types, RLR_C, CRH, SIP_C, ATP_C, PTPL_C, and PTPL_A as it is', () => {
  const { a } = threeHosts();
  expect(a.in(2)).toBe('00089dc0' + 'ea010000');
  a.register(1, { flags: APTPL });
  expect(a.in(2)).toBe('00089dc1' + 'ea010000');
});

test('what is read is cut to the allocation length, its length says what there is', () => {
  const { a } = threeHosts();
  a.register(1);
  expect(a.in(0, 8)).toBe('0000000100000008');
});

describe('what reservations outlive', () => {
  test('a logical unit reset, a target reset, a logout: all persistent ones', () => {
    const { a, b, target, host } = threeHosts();
    a.register(1);
    a.reserve(1, EA);
    b.manage('logicalUnitReset');
    target.targetReset(b.nexus, () => undefined);
    b.settle();
    target.detach(a.nexus, () => undefined);
    expect(b.read().outcome).toBe(CONFLICT);
    const back = host('host-a');
    expect(back.read().outcome).toBe('good');
    expect(host('host-a', 2).read().outcome).toBe(CONFLICT);
  });

  test('the unmapping of every LUN', () => {
    const { a, b, target, device } = threeHosts();
    a.register(1);
    a.reserve(1, EA);
    target.unmapLun(0);
    target.mapLun(0, device);
    b.settle();
    expect(b.read().outcome).toBe(CONFLICT);
  });
});
