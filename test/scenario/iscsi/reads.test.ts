/** Data-In, status and residuals [RFC 7143 §11.4, §11.7]. */
import { decodeDataIn } from '../../../iscsi/pdu/data-in.ts';
import { TargetOpcode } from '../../../iscsi/pdu/opcode.ts';
import { decodeScsiResponse, decodeSense } from '../../../iscsi/pdu/scsi-response.ts';
import { ownDataIn, type TaskResult } from '../../../iscsi/scsi/task.ts';
import type { FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import { checkCondition, good } from '../../fakes/fake-device-server.ts';
import { World, type Joined } from '../../initiator/joined.ts';
import type { Keys } from '../../initiator/scripted-initiator.ts';

const numbered = (length: number): Uint8Array => Uint8Array.from({ length }, (_, n) => n % 251);

function session(operational?: Keys): { link: Joined; device: FakeDeviceServer } {
  const made = new World();
  const device = made.directory.add();
  return { link: made.session(operational), device };
}

function read(options: {
  expected: number;
  result: TaskResult;
  keys?: Keys;
}): { opcode: number; header: Uint8Array; data: Uint8Array }[] {
  const { link, device } = session(options.keys);
  device.onSubmit = (task) => task.complete(options.result);
  link.initiator.command({ readBytes: options.expected });
  return link.initiator.take();
}

describe('Data-In', () => {
  test('carries data and status in one PDU where it can [RFC 7143 §11.7.3]', () => {
    const pdus = read({ expected: 512, result: good([numbered(512)]) });
    expect(pdus).toHaveLength(1);
    expect(decodeDataIn(pdus[0]!.header)).toMatchObject({
      final: true,
      status: 0,
      dataSN: 0,
      bufferOffset: 0,
      residual: { kind: 'none', bytes: 0 },
      statSN: 2,
    });
    expect(Buffer.from(pdus[0]!.data).equals(numbered(512))).toBe(true);
  });

  test('is no longer than the initiator takes [RFC 7143 §13.12]', () => {
    const pdus = read({
      expected: 1500,
      result: good([numbered(1500)]),
      keys: [['MaxRecvDataSegmentLength', '512']],
    });
    expect(pdus.map(({ data }) => data.length)).toEqual([512, 512, 476]);
    const headers = pdus.map(({ header }) => decodeDataIn(header));
    expect(headers.map(({ dataSN }) => dataSN)).toEqual([0, 1, 2]);
    expect(headers.map(({ bufferOffset }) => bufferOffset)).toEqual([0, 512, 1024]);
    expect(headers.map(({ final }) => final)).toEqual([false, false, true]);
    expect(headers.map(({ status }) => status)).toEqual([null, null, 0]);
    expect(headers.map(({ statSN }) => statSN)).toEqual([0, 0, 2]);
  });

  test('ends a sequence with F at MaxBurstLength [RFC 7143 §11.7.1]', () => {
    const pdus = read({
      expected: 2560,
      result: good([numbered(2560)]),
      keys: [
        ['MaxRecvDataSegmentLength', '768'],
        ['MaxBurstLength', '1024'],
      ],
    });
    expect(pdus.map(({ data }) => data.length)).toEqual([768, 256, 768, 256, 512]);
    const finals = pdus.map(({ header }) => decodeDataIn(header).final);
    expect(finals).toEqual([false, true, false, true, true]);
  });

  test('is put together from views of any length', () => {
    const whole = numbered(3000);
    const views = [whole.subarray(0, 1), whole.subarray(1, 1300), whole.subarray(1300)];
    const pdus = read({
      expected: 3000,
      result: good(views),
      keys: [['MaxRecvDataSegmentLength', '700']],
    });
    const came = Buffer.concat(pdus.map(({ data }) => data));
    expect(came.equals(whole)).toBe(true);
  });

  test('big views go out as they are, not copied', () => {
    const pdus = read({ expected: 300_000, result: good([numbered(300_000)]) });
    expect(Buffer.concat(pdus.map(({ data }) => data)).equals(numbered(300_000))).toBe(true);
  });

  test('a length that is no multiple of 4 is padded [RFC 7143 §11.1]', () => {
    const pdus = read({ expected: 5, result: good([numbered(5)]) });
    expect(pdus.map(({ data }) => data.length)).toEqual([5]);
  });
});

describe('residuals', () => {
  const oneBlock = good([numbered(512)]);

  test('less than expected is an underflow, to the byte [RFC 7143 §11.4.5.1]', () => {
    const pdus = read({ expected: 10_000, result: oneBlock });
    const { residual } = decodeDataIn(pdus[0]!.header);
    expect(residual).toEqual({ kind: 'underflow', bytes: 9488 });
    expect(pdus[0]!.data).toHaveLength(512);
  });

  test('more than expected is cut and an overflow [RFC 7143 §11.4.5.1]', () => {
    const pdus = read({ expected: 200, result: oneBlock });
    const { residual } = decodeDataIn(pdus[0]!.header);
    expect(residual).toEqual({ kind: 'overflow', bytes: 312 });
    expect(pdus[0]!.data).toHaveLength(200);
  });

  test('where nothing was expected there is a response and no data', () => {
    const pdus = read({ expected: 0, result: oneBlock });
    expect(pdus.map(({ opcode }) => opcode)).toEqual([TargetOpcode.scsiResponse]);
    expect(decodeScsiResponse(pdus[0]!.header)).toMatchObject({
      status: 0,
      residual: { kind: 'overflow', bytes: 512 },
    });
  });

  test('a command that moves nothing though data was expected', () => {
    const pdus = read({ expected: 4096, result: good() });
    expect(decodeScsiResponse(pdus[0]!.header).residual).toEqual({
      kind: 'underflow',
      bytes: 4096,
    });
  });

  test('a read that is flagged as a write is good all the same', () => {
    const { link, device } = session();
    device.onSubmit = (task) => task.complete(oneBlock);
    link.initiator.command({ writeBytes: 512, immediateData: numbered(512) });
    const [pdu] = link.initiator.take();
    expect(decodeScsiResponse(pdu!.header)).toMatchObject({
      status: 0,
      residual: { kind: 'underflow', bytes: 512 },
    });
  });
});

describe('SCSI Response', () => {
  const sense = Uint8Array.of(0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0, 0, 0);

  test('carries sense data behind its length [RFC 7143 §11.4.7]', () => {
    const pdus = read({ expected: 512, result: checkCondition(sense) });
    expect(pdus.map(({ opcode }) => opcode)).toEqual([TargetOpcode.scsiResponse]);
    expect(decodeScsiResponse(pdus[0]!.header)).toMatchObject({ response: 0, status: 2 });
    expect(Buffer.from(decodeSense(pdus[0]!.data) ?? []).equals(sense)).toBe(true);
  });

  test('follows data by itself when there is sense too, and counts the Data-In [§11.4.8]', () => {
    const result = {
      ...checkCondition(sense),
      dataIn: ownDataIn(numbered(1024)),
      dataInBytes: 1024,
    };
    const keys: Keys = [['MaxRecvDataSegmentLength', '512']];
    const pdus = read({ expected: 1024, result, keys });
    expect(pdus.map(({ opcode }) => opcode)).toEqual([0x25, 0x25, 0x21]);
    expect(pdus.slice(0, 2).map(({ header }) => decodeDataIn(header).status)).toEqual([null, null]);
    expect(decodeScsiResponse(pdus[2]!.header).expDataSN).toBe(2);
  });

  test('the status is the one of the device server', () => {
    const pdus = read({ expected: 0, result: { ...good(), status: 0x28 } });
    expect(decodeScsiResponse(pdus[0]!.header).status).toBe(0x28);
  });

  test('all that one turn produces leaves in one write', () => {
    const { link, device } = session();
    device.onSubmit = (task) => task.complete(good([numbered(512)]));
    const before = link.writes;
    const sent: Uint8Array[] = [];
    link.initiator.sendBytes = (bytes) => sent.push(bytes);
    for (let n = 0; n < 10; n++) link.initiator.command({ readBytes: 512 });
    link.connection.receive(Buffer.concat(sent));
    link.takeAll();
    expect(link.initiator.take()).toHaveLength(10);
    expect(link.writes - before).toBe(1);
  });
});

describe('what the device server sees', () => {
  test('LUN, CDB, attribute, tag and lengths as they came', () => {
    const { link, device } = session();
    const cdb = Uint8Array.of(0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0);
    link.initiator.command({
      cdb,
      lun: Uint8Array.of(0, 7),
      attribute: 2,
      itt: 77,
      readBytes: 512,
    });
    const task = device.tasks[0]!;
    expect(Buffer.from(task.cdb).subarray(0, 10).equals(cdb)).toBe(true);
    expect([...task.lun]).toEqual([0, 7, 0, 0, 0, 0, 0, 0]);
    expect(task).toMatchObject({
      attribute: 2,
      tag: 77,
      expectedDataInBytes: 512,
      expectedDataOutBytes: 0,
    });
  });

  test('a CDB of more than 16 bytes comes in an additional header segment [RFC 7143 §11.2.2.3]', () => {
    const { link, device } = session();
    // AHSLength 17: one reserved byte and 16 of the CDB; AHSType 1.
    const ahs = Uint8Array.of(0, 17, 1, 0, ...numbered(16));
    link.initiator.command({ cdb: Uint8Array.of(0x7f), ahs });
    const { cdb } = device.tasks[0]!;
    expect(cdb).toHaveLength(32);
    expect(Buffer.from(cdb).subarray(16).equals(numbered(16))).toBe(true);
  });
});
