/** Immediate, unsolicited and solicited Data-Out [RFC 7143 §4.2.5.2, §11.7, §11.8]. */
import { TargetOpcode } from '../../../iscsi/pdu/opcode.ts';
import { decodeReadyToTransfer } from '../../../iscsi/pdu/ready-to-transfer.ts';
import { decodeReject } from '../../../iscsi/pdu/reject.ts';
import { decodeScsiResponse, decodeSense } from '../../../iscsi/pdu/scsi-response.ts';
import type { ScsiTask } from '../../../iscsi/scsi/task.ts';
import type { FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import { good } from '../../fakes/fake-device-server.ts';
import { World, type Joined } from '../../initiator/joined.ts';
import { OPERATIONAL, type Keys } from '../../initiator/scripted-initiator.ts';

const numbered = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, n) => (from + n) % 251);

const with_ = (...changes: Keys): Keys => {
  const changed = new Map([...OPERATIONAL, ...changes]);
  return [...changed];
};

interface Setting {
  readonly link: Joined;
  readonly device: FakeDeviceServer;
}

/** A device server that takes `bytes` of each command and ends it with GOOD. */
function taking(bytes: number, ...changes: Keys): Setting {
  const made = new World();
  const device = made.directory.add();
  device.onSubmit = (task) => task.solicit(bytes);
  device.onArrived = (task) => task.complete(good([], bytes));
  return { link: made.session(with_(...changes)), device };
}

const r2ts = (link: Joined): ReturnType<typeof decodeReadyToTransfer>[] =>
  link.initiator
    .take()
    .filter(({ opcode }) => opcode === TargetOpcode.readyToTransfer)
    .map(({ header }) => decodeReadyToTransfer(header));

function statusOf(link: Joined): { status: number; sense: string; expDataSN: number } {
  const pdus = link.initiator.take().filter(({ opcode }) => opcode === TargetOpcode.scsiResponse);
  expect(pdus).toHaveLength(1);
  const sense = decodeSense(pdus[0]!.data) ?? new Uint8Array(0);
  const { status, expDataSN } = decodeScsiResponse(pdus[0]!.header);
  const [key = 0, asc = 0, ascq = 0] = [sense[2], sense[12], sense[13]];
  const text = [key, asc, ascq].map((byte) => byte.toString(16).padStart(2, '0')).join('/');
  return { status, sense: sense.length === 0 ? '' : text, expDataSN };
}

const written = (device: FakeDeviceServer): ScsiTask => device.arrived[0]!;

describe('immediate data', () => {
  test('all of a command needs no R2T', () => {
    const { link, device } = taking(4096);
    link.initiator.command({ writeBytes: 4096, immediateData: numbered(0, 4096) });
    expect(statusOf(link)).toEqual({ status: 0, sense: '', expDataSN: 0 });
    expect(device.arrived).toHaveLength(1);
  });

  test('the rest is asked for [RFC 7143 §11.8]', () => {
    const { link, device } = taking(4096);
    const kept: Uint8Array[] = [];
    device.onArrived = (task) => {
      kept.push(task.dataOut);
      task.complete(good([], 4096));
    };
    const itt = link.initiator.command({ writeBytes: 4096, immediateData: numbered(0, 1000) });
    const [r2t] = r2ts(link);
    expect(r2t).toMatchObject({
      itt,
      r2tSN: 0,
      bufferOffset: 1000,
      desiredDataTransferLength: 3096,
    });
    const { ttt } = r2t!;
    link.initiator.dataOut(
      itt,
      { ttt, dataSN: 0, bufferOffset: 1000, final: true },
      numbered(1000, 4096),
    );
    expect(statusOf(link)).toEqual({ status: 0, sense: '', expDataSN: 1 });
    expect(Buffer.from(kept[0]!).equals(numbered(0, 4096))).toBe(true);
  });

  test('beyond what the command takes is dropped', () => {
    const { link, device } = taking(512);
    const kept: Uint8Array[] = [];
    device.onArrived = (task) => {
      kept.push(task.dataOut);
      task.complete(good([], 512));
    };
    link.initiator.command({ writeBytes: 1024, immediateData: numbered(0, 1024) });
    expect(kept.map((data) => data.length)).toEqual([512]);
    expect(statusOf(link).status).toBe(0);
  });

  test('the buffer that it came in may be reused at once', () => {
    const { link, device } = taking(0);
    device.onSubmit = () => undefined;
    device.onArrived = () => undefined;
    const bytes: Uint8Array[] = [];
    link.initiator.sendBytes = (pdu) => bytes.push(new Uint8Array(pdu));
    link.initiator.command({ writeBytes: 100, immediateData: numbered(0, 100) });
    link.connection.receive(bytes[0]!);
    bytes[0]!.fill(0xee);
    device.tasks[0]!.solicit(100);
    expect(Buffer.from(written(device).dataOut).equals(numbered(0, 100))).toBe(true);
  });

  test('where it was not agreed on the command fails 0B/0C/0C [RFC 7143 §11.4.7.2]', () => {
    const { link, device } = taking(512, ['ImmediateData', 'No']);
    link.initiator.command({ writeBytes: 512, immediateData: numbered(0, 512) });
    expect(statusOf(link)).toMatchObject({ status: 2, sense: '0b/0c/0c' });
    expect(device.arrived).toHaveLength(0);
  });

  test('more of it than FirstBurstLength fails 0B/0C/0D [RFC 7143 §11.4.7.2]', () => {
    const { link } = taking(4096, ['FirstBurstLength', '1024']);
    link.initiator.command({ writeBytes: 4096, immediateData: numbered(0, 2048) });
    expect(statusOf(link)).toMatchObject({ status: 2, sense: '0b/0c/0d' });
  });
});

describe('unsolicited data', () => {
  test('follows without an R2T up to FirstBurstLength, then R2Ts ask [RFC 7143 §13.14]', () => {
    const { link, device } = taking(3000, ['FirstBurstLength', '1024']);
    const { initiator } = link;
    const itt = initiator.command({
      writeBytes: 3000,
      immediateData: numbered(0, 512),
      final: false,
    });
    expect(r2ts(link)).toEqual([]);
    initiator.dataOut(itt, { dataSN: 0, bufferOffset: 512, final: false }, numbered(512, 768));
    initiator.dataOut(itt, { dataSN: 1, bufferOffset: 768, final: true }, numbered(768, 1024));
    const [r2t] = r2ts(link);
    expect(r2t).toMatchObject({ bufferOffset: 1024, desiredDataTransferLength: 1976 });
    const { ttt } = r2t!;
    initiator.dataOut(
      itt,
      { ttt, dataSN: 0, bufferOffset: 1024, final: true },
      numbered(1024, 3000),
    );
    expect(statusOf(link).status).toBe(0);
    expect(device.arrived).toHaveLength(1);
  });

  test('may come before the device server wants any', () => {
    const { link, device } = taking(2048);
    device.onSubmit = () => undefined;
    const itt = link.initiator.command({ writeBytes: 2048, final: false });
    link.initiator.dataOut(itt, { dataSN: 0, bufferOffset: 0, final: true }, numbered(0, 2048));
    const kept: Uint8Array[] = [];
    device.onArrived = (task) => kept.push(task.dataOut);
    device.tasks[0]!.solicit(2048);
    expect(Buffer.from(kept[0]!).equals(numbered(0, 2048))).toBe(true);
  });

  test('keeps what came while the device server asked for more than there was room for', () => {
    const { link, device } = taking(3000, ['FirstBurstLength', '1024'], ['ImmediateData', 'No']);
    device.onSubmit = () => undefined;
    const kept: Uint8Array[] = [];
    device.onArrived = (task) => {
      kept.push(new Uint8Array(task.dataOut));
      task.complete(good([], 3000));
    };
    const { initiator } = link;
    const itt = initiator.command({ writeBytes: 3000, final: false });
    const unsolicited = initiator.held(() => {
      initiator.dataOut(itt, { dataSN: 0, bufferOffset: 0, final: true }, numbered(0, 1024));
    });
    link.arrive(unsolicited.subarray(0, 600));
    device.tasks[0]!.solicit(3000, true);
    link.arrive(unsolicited.subarray(600));
    const { ttt } = r2ts(link)[0]!;
    initiator.dataOut(
      itt,
      { ttt, dataSN: 0, bufferOffset: 1024, final: true },
      numbered(1024, 3000),
    );
    expect(Buffer.from(kept[0]!).equals(numbered(0, 3000))).toBe(true);
  });

  test('may be more than the command takes', () => {
    const { link, device } = taking(512);
    const kept: Uint8Array[] = [];
    device.onArrived = (task) => {
      kept.push(new Uint8Array(task.dataOut));
      task.complete(good([], 512));
    };
    const itt = link.initiator.command({ writeBytes: 2048, final: false });
    link.initiator.dataOut(itt, { dataSN: 0, bufferOffset: 0, final: true }, numbered(0, 2048));
    expect(kept.map((data) => data.length)).toEqual([512]);
    expect(Buffer.from(kept[0]!).equals(numbered(0, 512))).toBe(true);
  });

  test('with InitialR2T=Yes the command fails 0B/0C/0C [RFC 7143 §13.10]', () => {
    const { link } = taking(2048, ['InitialR2T', 'Yes']);
    const itt = link.initiator.command({ writeBytes: 2048, final: false });
    link.initiator.dataOut(itt, { dataSN: 0, bufferOffset: 0, final: true }, numbered(0, 2048));
    expect(statusOf(link)).toMatchObject({ status: 2, sense: '0b/0c/0c' });
  });

  test('after F there is none: the command fails 0B/0C/0C', () => {
    const { link } = taking(2048);
    const itt = link.initiator.command({ writeBytes: 2048 });
    const [r2t] = r2ts(link);
    link.initiator.dataOut(itt, { dataSN: 0, bufferOffset: 0, final: true }, numbered(0, 512));
    const { ttt } = r2t!;
    link.initiator.dataOut(
      itt,
      { ttt, dataSN: 0, bufferOffset: 0, final: true },
      numbered(0, 2048),
    );
    expect(statusOf(link)).toMatchObject({ status: 2, sense: '0b/0c/0c' });
  });

  test('a status waits until the initiator has sent what it announced', () => {
    const { link, device } = taking(0);
    device.onSubmit = (task) => task.complete(good());
    const itt = link.initiator.command({ writeBytes: 1024, final: false });
    expect(link.initiator.take()).toEqual([]);
    link.initiator.dataOut(itt, { dataSN: 0, bufferOffset: 0, final: true }, numbered(0, 1024));
    expect(statusOf(link).status).toBe(0);
  });
});

describe('R2T', () => {
  test('never asks for more than MaxBurstLength [RFC 7143 §13.13]', () => {
    const { link } = taking(2500, ['MaxBurstLength', '1024'], ['MaxOutstandingR2T', '8']);
    link.initiator.command({ writeBytes: 2500 });
    const all = r2ts(link);
    expect(all.map((r2t) => [r2t.bufferOffset, r2t.desiredDataTransferLength])).toEqual([
      [0, 1024],
      [1024, 1024],
      [2048, 452],
    ]);
    expect(all.map(({ r2tSN }) => r2tSN)).toEqual([0, 1, 2]);
    expect(new Set(all.map(({ ttt }) => ttt)).size).toBe(3);
  });

  test('no more than MaxOutstandingR2T are open at a time [RFC 7143 §13.17]', () => {
    const { link } = taking(4096, ['MaxBurstLength', '1024'], ['MaxOutstandingR2T', '2']);
    const itt = link.initiator.command({ writeBytes: 4096 });
    const [first, second, ...rest] = r2ts(link);
    expect(rest).toEqual([]);
    const { ttt } = first!;
    link.initiator.dataOut(
      itt,
      { ttt, dataSN: 0, bufferOffset: 0, final: true },
      numbered(0, 1024),
    );
    expect(r2ts(link).map(({ bufferOffset }) => bufferOffset)).toEqual([2048]);
    expect(second?.bufferOffset).toBe(1024);
  });

  test('does not take a StatSN [RFC 7143 §11.8.2]', () => {
    const { link } = taking(2048);
    const itt = link.initiator.command({ writeBytes: 2048 });
    const [r2t] = r2ts(link);
    const { ttt, statSN } = r2t!;
    link.initiator.dataOut(
      itt,
      { ttt, dataSN: 0, bufferOffset: 0, final: true },
      numbered(0, 2048),
    );
    const [response] = link.initiator.take();
    expect(decodeScsiResponse(response!.header).statSN).toBe(statSN);
  });

  test('asks for no more than is expected, and the residual says so', () => {
    const { link, device } = taking(4096);
    const itt = link.initiator.command({ writeBytes: 1024 });
    const [r2t] = r2ts(link);
    expect(r2t?.desiredDataTransferLength).toBe(1024);
    const { ttt } = r2t!;
    link.initiator.dataOut(
      itt,
      { ttt, dataSN: 0, bufferOffset: 0, final: true },
      numbered(0, 1024),
    );
    const [response] = link.initiator.take();
    expect(decodeScsiResponse(response!.header).residual).toEqual({
      kind: 'overflow',
      bytes: 3072,
    });
    expect(device.arrived).toHaveLength(1);
  });

  test('a command that takes data though none is expected gets none', () => {
    const { link, device } = taking(512);
    link.initiator.command();
    const [response] = link.initiator.take();
    expect(decodeScsiResponse(response!.header)).toMatchObject({
      status: 0,
      residual: { kind: 'overflow', bytes: 512 },
    });
    expect(device.arrived).toHaveLength(1);
  });
});

describe('a faulty sequence fails the command, once all of it came [RFC 7143 §7.8, §11.4.7.2]', () => {
  const begun = (): Setting & { itt: number; ttt: number } => {
    const setting = taking(2048);
    const itt = setting.link.initiator.command({ writeBytes: 2048 });
    const [r2t] = r2ts(setting.link);
    return { ...setting, itt, ttt: r2t!.ttt };
  };

  test.each([
    ['DataSN 0 twice', [0, 0]],
    ['DataSN 27', [27, 28]],
    ['DataSN -1', [0xffff_ffff, 0]],
    ['DataSN 1 before 0', [1, 0]],
  ])('%s: 0B/47/05', (_what, [one, two]) => {
    const { link, device, itt, ttt } = begun();
    const { initiator } = link;
    initiator.dataOut(itt, { ttt, dataSN: one!, bufferOffset: 0, final: false }, numbered(0, 1024));
    expect(initiator.take()).toEqual([]);
    initiator.dataOut(
      itt,
      { ttt, dataSN: two!, bufferOffset: 1024, final: true },
      numbered(1024, 2048),
    );
    expect(statusOf(link)).toMatchObject({ status: 2, sense: '0b/47/05' });
    expect(device.arrived).toHaveLength(0);
  });

  test.each([
    ['an offset that jumps', 1024, 1024],
    ['more than was asked for', 0, 4096],
    ['less than was asked for', 0, 1024],
  ])('%s: 0B/0C/0D', (_what, bufferOffset, bytes) => {
    const { link, device, itt, ttt } = begun();
    link.initiator.dataOut(itt, { ttt, dataSN: 0, bufferOffset, final: true }, numbered(0, bytes));
    expect(statusOf(link)).toMatchObject({ status: 2, sense: '0b/0c/0d' });
    expect(device.arrived).toHaveLength(0);
  });

  test('sequences out of order: 0B/0C/0D [RFC 7143 §13.19]', () => {
    const { link } = taking(2048, ['MaxBurstLength', '1024'], ['MaxOutstandingR2T', '2']);
    const itt = link.initiator.command({ writeBytes: 2048 });
    const [first, second] = r2ts(link);
    const [one, two] = [first!.ttt, second!.ttt];
    const fields = { dataSN: 0, final: true };
    link.initiator.dataOut(itt, { ttt: two, bufferOffset: 1024, ...fields }, numbered(1024, 2048));
    link.initiator.dataOut(itt, { ttt: one, bufferOffset: 0, ...fields }, numbered(0, 1024));
    expect(statusOf(link)).toMatchObject({ status: 2, sense: '0b/0c/0d' });
  });

  test('a tag that no R2T gave is dropped', () => {
    const { link, itt, ttt } = begun();
    const fields = { dataSN: 0, bufferOffset: 0, final: true };
    link.initiator.dataOut(itt, { ttt: 4711, ...fields }, numbered(0, 2048));
    expect(link.initiator.take()).toEqual([]);
    link.initiator.dataOut(itt, { ttt, ...fields }, numbered(0, 2048));
    expect(statusOf(link).status).toBe(0);
  });

  test('data for a task that is not there is dropped', () => {
    const { link } = taking(512);
    const fields = { dataSN: 0, bufferOffset: 0, final: true };
    link.initiator.dataOut(4711, { ttt: 1, ...fields }, numbered(0, 512));
    expect(link.initiator.take()).toEqual([]);
    expect(link.connection.inFullFeature).toBe(true);
  });
});

describe('digests', () => {
  const CRC: Keys = [
    ['HeaderDigest', 'CRC32C'],
    ['DataDigest', 'CRC32C'],
  ];

  test('guard reads and writes both ways [RFC 7143 §13.1]', () => {
    const { link } = taking(3001, ...CRC);
    const itt = link.initiator.command({ writeBytes: 3001, immediateData: numbered(0, 333) });
    const [r2t] = r2ts(link);
    const { ttt } = r2t!;
    link.initiator.dataOut(
      itt,
      { ttt, dataSN: 0, bufferOffset: 333, final: true },
      numbered(333, 3001),
    );
    expect(statusOf(link).status).toBe(0);
  });

  test('a damaged Data-Out is rejected, and the command fails 0B/47/05 [RFC 7143 §7.8]', () => {
    const { link, device } = taking(2048, ...CRC);
    const { initiator } = link;
    const itt = initiator.command({ writeBytes: 2048 });
    const [r2t] = r2ts(link);
    const sent: Uint8Array[] = [];
    const send = initiator.sendBytes.bind(initiator);
    initiator.sendBytes = (bytes) => sent.push(bytes);
    const { ttt } = r2t!;
    initiator.dataOut(itt, { ttt, dataSN: 0, bufferOffset: 0, final: true }, numbered(0, 2048));
    sent[0]![100]! ^= 1;
    send(sent[0]!);
    const [reject, response] = initiator.take();
    expect(decodeReject(reject!.header).reason).toBe(0x02);
    expect(Buffer.from(reject!.data).equals(sent[0]!.subarray(0, 48))).toBe(true);
    expect(decodeScsiResponse(response!.header)).toMatchObject({ itt, status: 2 });
    expect(device.failed[0]?.sense).toEqual({ key: 0x0b, asc: 0x47, ascq: 0x05 });
  });

  test('one that comes in pieces too', () => {
    const { link, device } = taking(2048, ...CRC);
    const { initiator } = link;
    const itt = initiator.command({ writeBytes: 2048 });
    const [r2t] = r2ts(link);
    const { ttt } = r2t!;
    const bytes = initiator.held(() => {
      initiator.dataOut(itt, { ttt, dataSN: 0, bufferOffset: 0, final: true }, numbered(0, 2048));
    });
    bytes[1000]! ^= 0x80;
    for (let at = 0; at < bytes.length; at += 333) link.arrive(bytes.subarray(at, at + 333));
    expect(device.failed).toHaveLength(1);
  });

  test('a damaged header ends the connection [RFC 7143 §7.8]', () => {
    const { link } = taking(512, ...CRC);
    const { initiator } = link;
    const sent: Uint8Array[] = [];
    const send = initiator.sendBytes.bind(initiator);
    initiator.sendBytes = (bytes) => sent.push(bytes);
    initiator.command();
    sent[0]![20]! ^= 1;
    send(sent[0]!);
    expect(link.closed).toBe(true);
  });

  test('a damaged command is rejected and ends the session: nothing can fill its place', () => {
    const { link, device } = taking(512, ...CRC);
    const { initiator } = link;
    const sent: Uint8Array[] = [];
    const send = initiator.sendBytes.bind(initiator);
    initiator.sendBytes = (bytes) => sent.push(bytes);
    initiator.command({ writeBytes: 512, immediateData: numbered(0, 512) });
    sent[0]![60]! ^= 1;
    send(sent[0]!);
    const [reject] = initiator.take();
    expect(decodeReject(reject!.header).reason).toBe(0x02);
    expect(link.closed).toBe(true);
    expect(device.tasks).toHaveLength(0);
  });
});
