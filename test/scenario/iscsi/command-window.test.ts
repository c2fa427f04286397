/** Command numbering and flow control [RFC 7143 §4.2.2.1]. */
import { decodeReject } from '../../../iscsi/pdu/reject.ts';
import { decodeScsiResponse } from '../../../iscsi/pdu/scsi-response.ts';
import type { Limits } from '../../../iscsi/session/limits.ts';
import type { FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import { good } from '../../fakes/fake-device-server.ts';
import { IDENTITY, World, type Joined } from '../../initiator/joined.ts';

function session(limits: Partial<Limits> = {}): { link: Joined; device: FakeDeviceServer } {
  const made = new World(limits);
  const device = made.directory.add();
  return { link: made.session(), device };
}

describe('CmdSN', () => {
  test('beyond MaxCmdSN is ignored in silence, and the connection lives', () => {
    const { link, device } = session({ commandWindow: 4 });
    link.initiator.command({ cmdSN: 104 });
    expect(device.tasks).toHaveLength(0);
    expect(link.initiator.take()).toEqual([]);
    link.initiator.command({ cmdSN: 100 });
    expect(device.tasks).toHaveLength(1);
  });

  test('below ExpCmdSN is ignored in silence', () => {
    const { link, device } = session();
    link.initiator.command({ cmdSN: 99 });
    expect(device.tasks).toHaveLength(0);
    expect(link.closed).toBe(false);
  });

  test('ahead of its turn waits for it', () => {
    const { link, device } = session();
    link.initiator.command({ cmdSN: 102, itt: 3 });
    link.initiator.command({ cmdSN: 101, itt: 2 });
    expect(device.tasks).toHaveLength(0);
    link.initiator.command({ cmdSN: 100, itt: 1 });
    expect(device.tasks.map(({ tag }) => tag)).toEqual([1, 2, 3]);
  });

  test('wraps around at 2^32', () => {
    const made = new World({ commandWindow: 4 });
    const device = made.directory.add();
    device.onSubmit = (task) => task.complete(good());
    const link = made.connect();
    link.initiator.cmdSN = 0xffff_fffe;
    link.initiator.login([
      ['InitiatorName', 'iqn.2026-01.org.example:host'],
      ['TargetName', 'iqn.2026-01.org.example:disk'],
    ]);
    for (const cmdSN of [0xffff_fffe, 0xffff_ffff, 0, 1]) link.initiator.command({ cmdSN });
    expect(device.tasks).toHaveLength(4);
  });

  test('is not consumed by immediate commands', () => {
    const { link, device } = session();
    link.initiator.command({ immediate: true });
    link.initiator.command({ cmdSN: 100 });
    expect(device.tasks).toHaveLength(2);
  });

  test('a rejected command counts as received', () => {
    const { link, device } = session();
    link.initiator.command({ itt: 7 });
    link.initiator.command({ itt: 7 });
    const [reject] = link.initiator.take();
    expect(decodeReject(reject!.header)).toMatchObject({ reason: 0x07, expCmdSN: 102 });
    link.initiator.command();
    expect(device.tasks).toHaveLength(2);
  });
});

describe('MaxCmdSN', () => {
  test('stays where it is while commands are under way, and moves as they end', () => {
    const { link, device } = session({ commandWindow: 2 });
    link.initiator.command();
    link.initiator.command();
    link.initiator.command();
    expect(device.tasks).toHaveLength(2);
    device.tasks[0]!.complete(good());
    link.takeAll();
    const [response] = link.initiator.take();
    expect(decodeScsiResponse(response!.header)).toMatchObject({ expCmdSN: 102, maxCmdSN: 102 });
  });

  test('the response that frees a place shows it', () => {
    const { link, device } = session({ commandWindow: 1 });
    device.onSubmit = (task) => task.complete(good());
    link.initiator.command();
    const [response] = link.initiator.take();
    expect(decodeScsiResponse(response!.header)).toMatchObject({ expCmdSN: 101, maxCmdSN: 101 });
  });
});

describe('bounds', () => {
  test('immediate commands beyond their number are rejected [RFC 7143 §11.17.1]', () => {
    const { link, device } = session({ maxImmediateCommands: 2 });
    for (let n = 0; n < 3; n++) link.initiator.command({ immediate: true });
    expect(device.tasks).toHaveLength(2);
    expect(decodeReject(link.initiator.take()[0]!.header).reason).toBe(0x06);
  });

  test('commands whose data is too much at a time wait, in order', () => {
    const { link, device } = session({ maxTransferBytes: 8192 });
    const { initiator } = link;
    const tags = [4096, 4096, 512, 0].map((readBytes) => initiator.command({ readBytes }));
    expect(device.tasks.map(({ tag }) => tag)).toEqual(tags.slice(0, 2));
    device.tasks[0]!.complete(good([new Uint8Array(4096)]));
    link.takeAll();
    expect(device.tasks.map(({ tag }) => tag)).toEqual(tags);
  });

  test('one command that is too much by itself runs alone', () => {
    const { link, device } = session({ maxTransferBytes: 1024 });
    link.initiator.command({ readBytes: 4096 });
    link.initiator.command({ readBytes: 512 });
    expect(device.tasks).toHaveLength(1);
    device.tasks[0]!.complete(good([new Uint8Array(4096)]));
    link.takeAll();
    expect(device.tasks).toHaveLength(2);
  });

  test('what all sessions have under way is bounded too, one command each aside', () => {
    const made = new World({ maxTotalTransferBytes: 8192 });
    const device = made.directory.add();
    const [one, two] = [made.session(), made.connect()];
    two.initiator.isid = '00023d000002';
    two.initiator.login(IDENTITY);
    for (let n = 0; n < 3; n++) one.initiator.command({ readBytes: 4096 });
    expect(device.tasks).toHaveLength(2);
    for (let n = 0; n < 2; n++) two.initiator.command({ readBytes: 4096 });
    expect(device.tasks).toHaveLength(3);
    one.cut();
    expect(device.tasks).toHaveLength(3);
    device.tasks[2]!.complete(good([new Uint8Array(4096)]));
    two.takeAll();
    expect(device.tasks).toHaveLength(4);
  });

  test('a slow reader holds up work, not memory: what is unsent keeps its place', () => {
    const { link, device } = session({ maxTransferBytes: 8192 });
    device.onSubmit = (task) => task.complete(good([new Uint8Array(4096)]));
    link.slow = true;
    for (let n = 0; n < 10; n++) link.initiator.command({ readBytes: 4096 });
    expect(device.tasks).toHaveLength(2);
    link.takeAll();
    expect(device.tasks).toHaveLength(10);
    expect(link.initiator.take()).toHaveLength(10);
  });

  test('we stop reading from one that sends pings and takes no answers', () => {
    const { link } = session({ maxWaitingAnswers: 10 });
    link.slow = true;
    for (let n = 0; n < 10; n++) link.initiator.nop();
    expect(link.paused).toBe(false);
    link.initiator.nop();
    expect(link.paused).toBe(true);
    link.takeAll();
    expect(link.paused).toBe(false);
  });

  test('of thousands of PDUs in one read a turn takes some, and we read on when all are taken', () => {
    const { link } = session({ maxWaitingAnswers: 10_000 });
    const sent: Uint8Array[] = [];
    link.initiator.sendBytes = (bytes) => sent.push(bytes);
    for (let n = 0; n < 1300; n++) link.initiator.nop();
    const last = sent.pop()!;
    const cut = last.subarray(0, 40);
    const read = Buffer.concat([...sent, cut]);
    link.connection.receive(read);
    read.fill(0xdb);
    expect(link.paused).toBe(true);
    link.takeOne();
    expect(link.initiator.received).toHaveLength(512);
    link.takeAll();
    expect(link.initiator.received).toHaveLength(1299);
    expect(link.paused).toBe(false);
    link.connection.receive(last.subarray(40));
    link.takeAll();
    const tags = link.initiator.take().map(({ header }) => Buffer.from(header).readUInt32BE(16));
    expect(tags).toEqual(Array.from({ length: 1300 }, (_, n) => tags[0]! + n));
  });

  test('additional header segments beyond the bound end the connection', () => {
    const { link } = session({ maxAhsBytes: 32 });
    link.initiator.command({ ahs: Uint8Array.of(0, 33, 1, 0, ...new Uint8Array(32)) });
    expect(decodeReject(link.initiator.take()[0]!.header).reason).toBe(0x09);
    expect(link.closed).toBe(true);
  });

  test('a malformed additional header segment is rejected', () => {
    const { link } = session();
    link.initiator.command({ ahs: Uint8Array.of(0, 200, 1, 0) });
    expect(decodeReject(link.initiator.take()[0]!.header).reason).toBe(0x09);
    expect(link.closed).toBe(false);
  });

  test('a data segment beyond MaxRecvDataSegmentLength ends the connection', () => {
    const { link } = session();
    const data = new Uint8Array(262_148);
    link.initiator.command({ writeBytes: data.length, immediateData: data });
    expect(decodeReject(link.initiator.take()[0]!.header).reason).toBe(0x04);
    expect(link.closed).toBe(true);
  });
});
