/** Text requests in full feature phase: SendTargets and declarations [RFC 7143 §6.4, App. C]. */
import { decodeReject } from '../../../iscsi/pdu/reject.ts';
import { decodeTextResponse } from '../../../iscsi/pdu/text-response.ts';
import type { FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import { good } from '../../fakes/fake-device-server.ts';
import { DISCOVERY, openAccess, TARGET, World, type Joined } from '../../initiator/joined.ts';
import { keysOf, type Keys } from '../../initiator/scripted-initiator.ts';

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

  test('a list of thousands comes in parts, however much the initiator takes at once', () => {
    const made = new World();
    for (let number = 0; number < 6000; number++) {
      made.directory.add({ iqn: `iqn.2026-01.org.example:${'x'.repeat(60)}${number}` });
    }
    const link = made.connect();
    link.initiator.login(DISCOVERY, [['MaxRecvDataSegmentLength', '16777215']]);
    link.initiator.text([['SendTargets', 'All']]);
    const [pdu] = link.initiator.take();
    expect(pdu!.data).toHaveLength(262_144);
    expect(decodeTextResponse(pdu!.header)).toMatchObject({ final: false, continues: true });
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

  test('a request before the last was answered is rejected [RFC 7143 §11.10]', () => {
    const { link } = session();
    link.slow = true;
    for (const value of ['All', TARGET]) link.initiator.text([['SendTargets', value]]);
    link.takeAll();
    const [answer, reject] = link.initiator.take();
    expect(keysOf(answer!.data)[0]).toEqual(['TargetName', TARGET]);
    expect(decodeReject(reject!.header).reason).toBe(0x04);
    link.initiator.text([['SendTargets', 'All']]);
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
