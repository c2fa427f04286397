/** NOP, logout, async messages, Reject, and one session following another [RFC 7143]. */
import { decodeAsyncMessage } from '../../../iscsi/pdu/async-message.ts';
import { decodeLogoutResponse } from '../../../iscsi/pdu/logout-response.ts';
import { decodeNopIn } from '../../../iscsi/pdu/nop-in.ts';
import { decodeReject } from '../../../iscsi/pdu/reject.ts';
import { decodeSense } from '../../../iscsi/pdu/scsi-response.ts';
import { encodeSnackRequest } from '../../../iscsi/pdu/snack-request.ts';
import type { FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import { good } from '../../fakes/fake-device-server.ts';
import { DISCOVERY, IDENTITY, World, type Joined } from '../../initiator/joined.ts';
import { OPERATIONAL, type Keys } from '../../initiator/scripted-initiator.ts';

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

  test('large echoes reach a slow reader one after the other', () => {
    const world = new World();
    world.directory.add();
    const link = world.session([['MaxRecvDataSegmentLength', '262144']]);
    link.slow = true;
    for (let count = 0; count < 5; count++) link.initiator.nop({ data: new Uint8Array(200_000) });
    link.takeAll();
    expect(link.initiator.take().map(({ data }) => data.length)).toEqual(
      new Array<number>(5).fill(200_000),
    );
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
    for (let at = 0; at < all.length; at += 11) link.arrive(all.subarray(at, at + 11));
    expect(device.arrived.map(({ dataOut }) => dataOut.length)).toEqual(
      Array.from({ length: 19 }, (_, n) => n + 1),
    );
    expect(device.arrived.every(({ dataOut }) => dataOut.every((b) => b === dataOut.length))).toBe(
      true,
    );
  });
});
