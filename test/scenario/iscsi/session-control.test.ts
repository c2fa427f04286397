/** NOP, text, logout, async messages, Reject, and one session following another [RFC 7143]. */
import { decodeAsyncMessage } from '../../../iscsi/pdu/async-message.ts';
import { decodeLogoutResponse } from '../../../iscsi/pdu/logout-response.ts';
import { decodeNopIn } from '../../../iscsi/pdu/nop-in.ts';
import { decodeReject } from '../../../iscsi/pdu/reject.ts';
import { decodeSense } from '../../../iscsi/pdu/scsi-response.ts';
import { encodeSnackRequest } from '../../../iscsi/pdu/snack-request.ts';
import { decodeTextResponse } from '../../../iscsi/pdu/text-response.ts';
import type { FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import { good } from '../../fakes/fake-device-server.ts';
import {
  DISCOVERY,
  IDENTITY,
  openAccess,
  TARGET,
  World,
  type Joined,
} from '../../initiator/joined.ts';
import { keysOf, OPERATIONAL, type Keys } from '../../initiator/scripted-initiator.ts';

interface Setting {
  readonly made: World;
  readonly link: Joined;
  readonly device: FakeDeviceServer;
}

function session(keys?: Keys, limits: ConstructorParameters<typeof World>[0] = {}): Setting {
  const made = new World(limits);
  const device = made.directory.add();
  return { made, link: made.session(keys), device };
}

function discovery(made: World): Joined {
  const link = made.connect();
  link.initiator.login(DISCOVERY, []);
  return link;
}

const opcodes = (link: Joined): number[] => link.initiator.take().map(({ opcode }) => opcode);
const rejectOf = (link: Joined): number => decodeReject(link.initiator.take()[0]!.header).reason;

describe('NOP', () => {
  test('a NOP-Out is echoed with its data [RFC 7143 §11.19]', () => {
    const { link } = session();
    const data = Buffer.from('are you there?');
    const itt = link.initiator.nop({ data });
    const [pdu] = link.initiator.take();
    expect(decodeNopIn(pdu!.header)).toMatchObject({ itt, ttt: 0xffff_ffff, statSN: 2 });
    expect(Buffer.from(pdu!.data).equals(data)).toBe(true);
  });

  test('an echo is cut to what the initiator takes [RFC 7143 §11.18]', () => {
    const { link } = session([['MaxRecvDataSegmentLength', '512']]);
    link.initiator.nop({ data: new Uint8Array(1000) });
    expect(link.initiator.take()[0]!.data).toHaveLength(512);
  });

  test('one that is not immediate takes its turn in CmdSN', () => {
    const { link, device } = session();
    link.initiator.nop({ immediate: false });
    link.initiator.command();
    expect(device.tasks).toHaveLength(1);
    expect(opcodes(link)).toEqual([0x20]);
  });

  test('one with the reserved tag is not answered [RFC 7143 §11.18.1]', () => {
    const { link } = session();
    link.initiator.nop({ itt: 0xffff_ffff });
    expect(link.initiator.take()).toEqual([]);
  });

  test('an echo goes ahead of data that waits', () => {
    const { link, device } = session();
    device.onSubmit = (task) => task.complete(good([new Uint8Array(512)]));
    link.slow = true;
    link.initiator.command({ readBytes: 512 });
    link.initiator.nop();
    link.takeAll();
    expect(opcodes(link)).toEqual([0x20, 0x25]);
  });

  test('a silent initiator is asked, with a tag to answer to [RFC 7143 §11.19.1]', () => {
    const { made, link } = session();
    made.clock.advance(made.limits.nopIntervalMs);
    const [pdu] = link.initiator.take();
    const { itt, ttt, statSN } = decodeNopIn(pdu!.header);
    expect(itt).toBe(0xffff_ffff);
    expect(ttt).not.toBe(0xffff_ffff);
    expect(statSN).toBe(2);
    link.initiator.nop({ itt: 0xffff_ffff, ttt });
    expect(link.initiator.take()).toEqual([]);
    made.clock.advance(made.limits.nopTimeoutMs + 1);
    expect(link.destroyed).toBe(false);
  });

  test('and dropped when it does not answer in time', () => {
    const { made, link } = session();
    made.clock.advance(made.limits.nopIntervalMs);
    made.clock.advance(made.limits.nopTimeoutMs);
    expect(link.destroyed).toBe(true);
  });

  test('a discovery session is not asked, and closed when it stays silent [RFC 7143 §4.3]', () => {
    const made = new World();
    const link = discovery(made);
    made.clock.advance(made.limits.nopIntervalMs);
    expect(link.initiator.take()).toEqual([]);
    made.clock.advance(made.limits.nopTimeoutMs);
    expect(link.destroyed).toBe(true);
  });

  test('one that talks is not asked', () => {
    const { made, link } = session();
    for (let n = 0; n < 5; n++) {
      made.clock.advance(made.limits.nopIntervalMs / 2);
      link.initiator.nop();
    }
    expect(opcodes(link)).toEqual([0x20, 0x20, 0x20, 0x20, 0x20]);
    expect(made.clock.nowMs()).toBeGreaterThan(2 * made.limits.nopIntervalMs);
  });
});

describe('SendTargets', () => {
  const address = ['TargetAddress', '127.0.0.1:3260,1'];

  test('All lists every target with its address in a discovery session [RFC 7143 App. C]', () => {
    const made = new World();
    made.directory.add();
    made.directory.add({ iqn: 'iqn.2026-01.org.example:second' });
    const { initiator } = discovery(made);
    initiator.text([['SendTargets', 'All']]);
    const [pdu] = initiator.take();
    expect(decodeTextResponse(pdu!.header)).toMatchObject({ final: true, ttt: 0xffff_ffff });
    expect(keysOf(pdu!.data)).toEqual([
      ['TargetName', TARGET],
      address,
      ['TargetName', 'iqn.2026-01.org.example:second'],
      address,
    ]);
  });

  test('a target that the initiator may not log in to is not shown', () => {
    const made = new World();
    made.directory.add({ access: { ...openAccess, open: false, allowed: ['iqn.1:other'] } });
    const { initiator } = discovery(made);
    initiator.text([['SendTargets', 'All']]);
    expect(initiator.take()[0]!.data).toHaveLength(0);
  });

  test('a name asks for that target [RFC 7143 App. C]', () => {
    const made = new World();
    made.directory.add();
    made.directory.add({ iqn: 'iqn.2026-01.org.example:second' });
    const { initiator } = discovery(made);
    initiator.text([['SendTargets', 'iqn.2026-01.org.example:second']]);
    expect(keysOf(initiator.take()[0]!.data)[0]).toEqual([
      'TargetName',
      'iqn.2026-01.org.example:second',
    ]);
  });

  test.each(['All', '', TARGET])('"%s" in a normal session shows its own target only', (value) => {
    const made = new World();
    made.directory.add();
    made.directory.add({ iqn: 'iqn.2026-01.org.example:second' });
    const { initiator } = made.session();
    initiator.text([['SendTargets', value]]);
    expect(keysOf(initiator.take()[0]!.data)).toEqual([['TargetName', TARGET], address]);
  });

  test.each([
    ['SendTargetsPlease', 'All', 'NotUnderstood'],
    ['SendTargets', 'Alle', 'Reject'],
    ['SendTargets', 'A', 'Reject'],
    ['SendTargets', 'iqn.2026-01.org.example:second', 'Reject'],
    ['sENDtARGETS', 'aLL', 'NotUnderstood'],
  ])('%s=%s is answered with %3$s, and the connection lives', (key, value, answer) => {
    const { link } = session();
    link.initiator.text([[key, value]]);
    expect(keysOf(link.initiator.take()[0]!.data)).toEqual([[key, answer]]);
    link.initiator.text([['SendTargets', 'All']]);
    expect(keysOf(link.initiator.take()[0]!.data)).toHaveLength(2);
  });

  test('an advertised address is shown instead of our own', () => {
    const made = new World();
    made.directory.add();
    const link = made.connect({ advertised: '192.0.2.1:3260', portalGroupTag: 5 });
    link.initiator.login(DISCOVERY, []);
    link.initiator.text([['SendTargets', 'All']]);
    const keys = keysOf(link.initiator.take()[0]!.data);
    expect(keys[1]).toEqual(['TargetAddress', '192.0.2.1:3260,5']);
  });

  test('the other portals follow; those of the loopback only to one that came there', () => {
    const made = new World();
    made.directory.add();
    made.directory.portalList.push(
      { advertised: '192.0.2.7:3260', portalGroupTag: 2, loopback: false },
      { advertised: '127.0.0.1:3999', portalGroupTag: 3, loopback: true },
    );
    const ask = (loopback: boolean): string[] => {
      const link = made.connect({ loopback });
      link.initiator.login(DISCOVERY, []);
      link.initiator.text([['SendTargets', 'All']]);
      return keysOf(link.initiator.take()[0]!.data)
        .slice(1)
        .map(([, value]) => value);
    };
    expect(ask(true)).toEqual(['127.0.0.1:3260,1', '192.0.2.7:3260,2', '127.0.0.1:3999,3']);
    expect(ask(false)).toEqual(['127.0.0.1:3260,1', '192.0.2.7:3260,2']);
  });

  test('a long list goes out in parts, each asked for by its tag [RFC 7143 §11.11]', () => {
    const made = new World();
    for (let n = 0; n < 300; n++) made.directory.add({ iqn: `iqn.2026-01.org.example:n${n}` });
    const { initiator } = discovery(made);
    const itt = initiator.text([['SendTargets', 'All']]);
    const parts = [initiator.take()[0]!];
    for (;;) {
      const { continues, final, ttt } = decodeTextResponse(parts.at(-1)!.header);
      expect(continues).toBe(!final);
      if (final) break;
      initiator.text([], { ttt, itt });
      parts.push(initiator.take()[0]!);
    }
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.every(({ data }) => data.length <= 8192)).toBe(true);
    expect(keysOf(Buffer.concat(parts.map(({ data }) => data)))).toHaveLength(600);
  });
});

describe('text in full feature phase', () => {
  test('MaxRecvDataSegmentLength may be declared anew [RFC 7143 §6.4]', () => {
    const { link, device } = session();
    device.onSubmit = (task) => task.complete(good([new Uint8Array(2048)]));
    link.initiator.text([['MaxRecvDataSegmentLength', '1024']]);
    link.initiator.take();
    link.initiator.command({ readBytes: 2048 });
    expect(link.initiator.take().map(({ data }) => data.length)).toEqual([1024, 1024]);
  });

  test('what belongs to login is rejected [RFC 7143 §13]', () => {
    const { link } = session();
    link.initiator.text([['MaxBurstLength', '1024']]);
    expect(keysOf(link.initiator.take()[0]!.data)).toEqual([['MaxBurstLength', 'Reject']]);
  });

  test('text over several requests is put together [RFC 7143 §6.2]', () => {
    const { link } = session();
    const text = Buffer.from('SendTargets=All\0');
    const itt = link.initiator.text(text.subarray(0, 7), { continues: true, final: false });
    const { ttt, final } = decodeTextResponse(link.initiator.take()[0]!.header);
    expect(final).toBe(false);
    link.initiator.text(text.subarray(7), { ttt, itt });
    expect(keysOf(link.initiator.take()[0]!.data)[0]).toEqual(['TargetName', TARGET]);
  });

  test('a tag that no exchange has is rejected', () => {
    const { link } = session();
    link.initiator.text([['SendTargets', 'All']], { ttt: 4711 });
    expect(rejectOf(link)).toBe(0x09);
  });

  test.each([
    ['malformed text', Buffer.from('no equals\0')],
    ['a key twice', Buffer.from('SendTargets=All\0SendTargets=All\0')],
  ])('%s is rejected, and the connection lives', (_what, text) => {
    const { link } = session();
    link.initiator.text(text);
    expect(rejectOf(link)).toBe(0x04);
    link.initiator.nop();
    expect(opcodes(link)).toEqual([0x20]);
  });

  test('text without end is rejected', () => {
    const { link } = session(undefined, { maxTextBytes: 1000 });
    const part = new Uint8Array(800).fill(0x41);
    const itt = link.initiator.text(part, { continues: true, final: false });
    const { ttt } = decodeTextResponse(link.initiator.take()[0]!.header);
    link.initiator.text(part, { continues: true, final: false, ttt, itt });
    expect(rejectOf(link)).toBe(0x0a);
  });
});

describe('logout', () => {
  const responseOf = (link: Joined): number =>
    decodeLogoutResponse(link.initiator.take()[0]!.header).response;

  test.each([
    ['the session', 0],
    ['the connection', 1],
  ])(
    'of %s is answered when its tasks have ended, then we close [RFC 7143 §11.15]',
    (_what, reason) => {
      const { made, link, device } = session();
      device.detachesAtOnce = false;
      link.initiator.command({ readBytes: 512 });
      link.initiator.logout(reason);
      expect(link.initiator.take()).toEqual([]);
      device.detaching[0]!.done();
      link.takeAll();
      expect(responseOf(link)).toBe(0);
      expect(link.closed).toBe(true);
      expect(made.registry.size).toBe(0);
    },
  );

  test('of another connection: CID not found [RFC 7143 §11.15.1]', () => {
    const { link } = session();
    link.initiator.logout(1, 99);
    expect(responseOf(link)).toBe(1);
    expect(link.closed).toBe(false);
  });

  test('for recovery is not supported [RFC 7143 §11.15.1]', () => {
    const { link } = session();
    link.initiator.logout(2);
    expect(responseOf(link)).toBe(2);
    expect(link.closed).toBe(false);
  });

  test('for a reason that is none is rejected', () => {
    const { link } = session();
    link.initiator.logout(3);
    expect(rejectOf(link)).toBe(0x09);
  });

  test('from a discovery session', () => {
    const link = discovery(new World());
    link.initiator.logout(0);
    expect(responseOf(link)).toBe(0);
    expect(link.closed).toBe(true);
  });
});

describe('asynchronous messages', () => {
  test('a change of the LUNs is told: REPORTED LUNS DATA HAS CHANGED [RFC 7143 §11.9.1]', () => {
    const { link, device } = session();
    device.listeners[0]!.lunsChanged?.();
    link.takeAll();
    const [pdu] = link.initiator.take();
    expect(decodeAsyncMessage(pdu!.header)).toMatchObject({ event: 0, statSN: 2 });
    const sense = decodeSense(pdu!.data)!;
    expect([sense[2], sense[12], sense[13]]).toEqual([0x06, 0x3f, 0x0e]);
  });

  test('a Logout is asked for, with the time there is [RFC 7143 §11.9.1]', () => {
    const { link } = session();
    link.connection.requestLogout(7);
    link.takeAll();
    const [pdu] = link.initiator.take();
    expect(decodeAsyncMessage(pdu!.header)).toMatchObject({ event: 1, parameter3: 7 });
  });

  test('a session that is dropped is told so, then closed [RFC 7143 §11.9.1]', () => {
    const { made, link, device } = session();
    link.initiator.command({ readBytes: 512 });
    link.connection.dropSession('test');
    link.takeAll();
    const [pdu] = link.initiator.take();
    expect(decodeAsyncMessage(pdu!.header).event).toBe(3);
    expect(link.closed).toBe(true);
    expect(device.tasks[0]!.aborted).toBe(true);
    expect(made.registry.size).toBe(0);
  });

  test('one that takes nothing more is cut off after a while', () => {
    const { made, link } = session();
    link.slow = true;
    link.connection.dropSession('test');
    made.clock.advance(made.limits.closeTimeoutMs);
    expect(link.destroyed).toBe(true);
  });
});

describe('Reject', () => {
  test('SNACK is refused at ErrorRecoveryLevel 0 [RFC 7143 §11.16, §11.17.1]', () => {
    const { link } = session();
    const snack = { type: 0, itt: 1, ttt: 0xffff_ffff, expStatSN: 0, begRun: 0, runLength: 0 };
    link.initiator.send((into) => encodeSnackRequest(snack, into));
    const [pdu] = link.initiator.take();
    expect(decodeReject(pdu!.header).reason).toBe(0x03);
    expect(pdu!.data[0]).toBe(0x10);
    expect(pdu!.data).toHaveLength(48);
  });

  test('an operation code that is none: command not supported', () => {
    const { link } = session();
    link.initiator.send((into) => (into[0] = 0x1c));
    expect(rejectOf(link)).toBe(0x05);
    link.initiator.nop();
    expect(opcodes(link)).toEqual([0x20]);
  });

  test('a Login Request after login ends the connection', () => {
    const { link } = session();
    link.initiator.loginRequest({}, IDENTITY);
    expect(rejectOf(link)).toBe(0x04);
    expect(link.closed).toBe(true);
  });

  test('a reserved task attribute', () => {
    const { link } = session();
    link.initiator.command({ attribute: 7 });
    expect(rejectOf(link)).toBe(0x09);
  });

  test('a command with the reserved tag', () => {
    const { link } = session();
    link.initiator.command({ itt: 0xffff_ffff });
    expect(rejectOf(link)).toBe(0x09);
  });

  test('what follows a rejected PDU in the same packet is looked at', () => {
    const { link, device } = session();
    const sent: Uint8Array[] = [];
    link.initiator.sendBytes = (bytes) => sent.push(bytes);
    link.initiator.command({ attribute: 7 });
    link.initiator.command();
    link.connection.receive(Buffer.concat(sent));
    expect(device.tasks).toHaveLength(1);
  });

  test.each([
    ['a SCSI Command', (link: Joined) => link.initiator.command()],
    ['task management', (link: Joined) => link.initiator.manage(5)],
    ['a NOP-Out', (link: Joined) => link.initiator.nop()],
    ['a Logout of the connection', (link: Joined) => link.initiator.logout(1)],
  ])('%s in a discovery session [RFC 7143 §4.3]', (_what, act) => {
    const link = discovery(new World());
    act(link);
    expect(rejectOf(link)).toBe(0x05);
  });
});

describe('one session after another', () => {
  test('a login on the same nexus ends the session before it first [RFC 7143 §6.3.5]', () => {
    const { made, link, device } = session();
    device.detachesAtOnce = false;
    link.initiator.command({ readBytes: 512 });
    const next = made.connect();
    next.initiator.loginRequest({ transit: true, nextStage: 3 }, [...IDENTITY, ...OPERATIONAL]);
    expect(link.destroyed).toBe(true);
    expect(next.initiator.take()).toEqual([]);
    expect(device.attached).toHaveLength(1);
    device.detaching[0]!.done();
    next.takeAll();
    expect(next.initiator.lastLogin().status).toBe(0);
    expect(device.attached).toHaveLength(2);
    expect(made.registry.size).toBe(1);
  });

  test('of several that wait, the last one gets the place', () => {
    const { made, device } = session();
    device.detachesAtOnce = false;
    const [one, two] = [made.connect(), made.connect()];
    for (const link of [one, two]) {
      link.initiator.loginRequest({ transit: true, nextStage: 3 }, [...IDENTITY, ...OPERATIONAL]);
    }
    expect(one.destroyed).toBe(true);
    device.detaching[0]!.done();
    two.takeAll();
    expect(two.connection.inFullFeature).toBe(true);
    expect(made.registry.size).toBe(1);
  });

  test('a login that is cut while it waits leaves the place to others', () => {
    const { made, device } = session();
    device.detachesAtOnce = false;
    const one = made.connect();
    one.initiator.loginRequest({ transit: true, nextStage: 3 }, [...IDENTITY, ...OPERATIONAL]);
    one.cut();
    device.detaching[0]!.done();
    expect(made.registry.size).toBe(0);
    expect(device.attached).toHaveLength(1);
  });

  test('another ISID, another initiator or another portal group is another session', () => {
    const { made, link } = session();
    const other = made.connect();
    other.initiator.isid = '00023d000099';
    other.initiator.login(IDENTITY);
    const third = made.connect({ portalGroupTag: 2 });
    third.initiator.login(IDENTITY);
    expect(made.registry.size).toBe(3);
    expect(link.destroyed).toBe(false);
    expect(new Set(made.links.map(({ connection }) => connection.tsih)).size).toBe(3);
  });

  test('a lost connection ends the session and its tasks', () => {
    const { made, link, device } = session();
    link.initiator.command({ readBytes: 512 });
    link.cut();
    expect(device.tasks[0]!.aborted).toBe(true);
    expect(made.registry.size).toBe(0);
  });

  test('a result that comes after that goes nowhere', () => {
    const { link, device } = session();
    device.detachesAtOnce = false;
    device.detach = () => undefined;
    link.initiator.command({ readBytes: 512 });
    link.cut();
    device.tasks[0]!.complete(good([new Uint8Array(512)]));
    expect(link.initiator.take()).toEqual([]);
  });

  test('PDUs may come in any pieces', () => {
    const { link, device } = session();
    const sent: Uint8Array[] = [];
    link.initiator.sendBytes = (bytes) => sent.push(bytes);
    device.onSubmit = (task) => task.solicit(task.expectedDataOutBytes);
    for (let n = 1; n < 20; n++) {
      link.initiator.command({ writeBytes: n, immediateData: new Uint8Array(n).fill(n) });
    }
    const all = Buffer.concat(sent);
    for (let at = 0; at < all.length; at += 11) link.connection.receive(all.subarray(at, at + 11));
    expect(device.arrived.map(({ dataOut }) => dataOut.length)).toEqual(
      Array.from({ length: 19 }, (_, n) => n + 1),
    );
    expect(device.arrived.every(({ dataOut }) => dataOut.every((b) => b === dataOut.length))).toBe(
      true,
    );
  });
});
