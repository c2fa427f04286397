/** Task management functions [RFC 7143 §11.5, §11.6, §4.2.3]. */
import { TargetOpcode } from '../../../iscsi/pdu/opcode.ts';
import { decodeReadyToTransfer } from '../../../iscsi/pdu/ready-to-transfer.ts';
import { decodeTaskManagementResponse } from '../../../iscsi/pdu/task-management-response.ts';
import type { FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import { good } from '../../fakes/fake-device-server.ts';
import { World, type Joined } from '../../initiator/joined.ts';
import { lun } from '../../initiator/scripted-initiator.ts';

interface Setting {
  readonly made: World;
  readonly link: Joined;
  readonly device: FakeDeviceServer;
}

function session(): Setting {
  const made = new World();
  const device = made.directory.add();
  return { made, link: made.session(), device };
}

function responses(link: Joined): number[] {
  return link.initiator
    .take()
    .filter(({ opcode }) => opcode === TargetOpcode.taskManagementResponse)
    .map(({ header }) => decodeTaskManagementResponse(header).response);
}

const opcodes = (link: Joined): number[] => link.initiator.take().map(({ opcode }) => opcode);

describe('ABORT TASK', () => {
  test('is answered when the task can do nothing more, which sends no status', () => {
    const { link, device } = session();
    const itt = link.initiator.command({ readBytes: 512 });
    link.initiator.manage(1, { referencedTaskTag: itt, refCmdSN: 100 });
    expect(device.management[0]).toMatchObject({ name: 'abortTask', tag: itt });
    expect(link.initiator.take()).toEqual([]);
    device.tasks[0]!.aborted = true;
    device.tasks[0]!.dropped();
    device.management[0]!.done('complete');
    link.takeAll();
    expect(responses(link)).toEqual([0]);
  });

  test('of a task whose status was ready but not sent withdraws that', () => {
    const { link, device } = session();
    device.onSubmit = (task) => task.complete(good([new Uint8Array(512)]));
    link.slow = true;
    const itt = link.initiator.command({ readBytes: 512 });
    link.initiator.manage(1, { referencedTaskTag: itt, refCmdSN: 100 });
    link.takeAll();
    expect(opcodes(link)).toEqual([TargetOpcode.taskManagementResponse]);
  });

  test.each([true, false])(
    'tells the device server when nobody heard of the result (withdrawn: %s)',
    (isWithdrawn) => {
      const { link, device } = session();
      let unheard = 0;
      device.onSubmit = (task) => {
        task.whenUnheard = () => (unheard += 1);
        task.complete(good([new Uint8Array(512)]));
      };
      link.slow = isWithdrawn;
      const itt = link.initiator.command({ readBytes: 512 });
      link.initiator.manage(1, { referencedTaskTag: itt, refCmdSN: 100 });
      link.takeAll();
      expect(unheard).toBe(isWithdrawn ? 1 : 0);
    },
  );

  test('of a task that ends meanwhile withdraws its status too', () => {
    const { link, device } = session();
    link.slow = true;
    const itt = link.initiator.command({ readBytes: 512 });
    link.initiator.manage(1, { referencedTaskTag: itt, refCmdSN: 100 });
    device.tasks[0]!.complete(good([new Uint8Array(512)]));
    device.management[0]!.done('task-does-not-exist');
    link.takeAll();
    expect(responses(link)).toEqual([0]);
  });

  test('of a task that has sent its status: task does not exist [RFC 7143 §11.6.1]', () => {
    const { link, device } = session();
    device.onSubmit = (task) => task.complete(good());
    const itt = link.initiator.command();
    link.initiator.take();
    link.initiator.manage(1, { referencedTaskTag: itt, refCmdSN: 100 });
    expect(responses(link)).toEqual([1]);
  });

  test('of a command that is yet to come: complete, and it never comes [RFC 7143 §11.6.1]', () => {
    const { link, device } = session();
    link.initiator.cmdSN = 101;
    link.initiator.manage(1, { referencedTaskTag: 4711, refCmdSN: 100 });
    expect(responses(link)).toEqual([0]);
    link.initiator.command({ cmdSN: 100, itt: 4711 });
    expect(device.tasks).toHaveLength(0);
    link.initiator.command({ cmdSN: 101 });
    expect(device.tasks).toHaveLength(1);
  });

  test('of a task on another LUN: task does not exist', () => {
    const { link } = session();
    const itt = link.initiator.command({ readBytes: 512 });
    link.initiator.manage(1, { referencedTaskTag: itt, refCmdSN: 100, lun: lun(1) });
    expect(responses(link)).toEqual([1]);
  });

  test('of a write: what is still sent for it is dropped', () => {
    const { link, device } = session();
    device.onSubmit = (task) => task.solicit(1024);
    const itt = link.initiator.command({ writeBytes: 1024 });
    const { ttt } = decodeReadyToTransfer(link.initiator.take()[0]!.header);
    link.initiator.manage(1, { referencedTaskTag: itt, refCmdSN: 100 });
    device.tasks[0]!.aborted = true;
    device.tasks[0]!.dropped();
    device.management[0]!.done('complete');
    link.takeAll();
    expect(responses(link)).toEqual([0]);
    const fields = { ttt, dataSN: 0, bufferOffset: 0, final: true };
    link.initiator.dataOut(itt, fields, new Uint8Array(1024));
    expect(link.initiator.take()).toEqual([]);
    expect(device.arrived).toHaveLength(0);
  });

  test('of a write whose tag is used again: data for the old transfer tag touch nothing [RFC 7143 §4.2.3.4]', () => {
    const { link, device } = session();
    device.onSubmit = (task) => task.solicit(1024);
    const itt = link.initiator.command({ writeBytes: 1024 });
    const old = decodeReadyToTransfer(link.initiator.take()[0]!.header).ttt;
    link.initiator.manage(1, { referencedTaskTag: itt, refCmdSN: 100 });
    device.tasks[0]!.aborted = true;
    device.tasks[0]!.dropped();
    device.management[0]!.done('complete');
    link.takeAll();
    link.initiator.take();
    link.initiator.command({ itt, writeBytes: 1024 });
    const { ttt } = decodeReadyToTransfer(link.initiator.take()[0]!.header);
    const fields = { dataSN: 0, bufferOffset: 0, final: true };
    link.initiator.dataOut(itt, { ...fields, ttt: old }, new Uint8Array(1024).fill(1));
    expect(device.arrived).toHaveLength(0);
    link.initiator.dataOut(itt, { ...fields, ttt }, new Uint8Array(1024).fill(2));
    expect(device.arrived[0]?.dataOut.every((byte) => byte === 2)).toBe(true);
  });

  test('a free tag and a free place in the window are the outcome', () => {
    const { link, device } = session();
    const itt = link.initiator.command({ readBytes: 512 });
    link.initiator.manage(1, { referencedTaskTag: itt, refCmdSN: 100 });
    device.tasks[0]!.aborted = true;
    device.tasks[0]!.dropped();
    device.management[0]!.done('complete');
    link.takeAll();
    const [response] = link.initiator.take();
    expect(decodeTaskManagementResponse(response!.header)).toMatchObject({
      expCmdSN: 101,
      maxCmdSN: 101 + 127,
    });
    link.initiator.command({ itt });
    expect(device.tasks).toHaveLength(2);
  });
});

describe('functions over many tasks', () => {
  test.each([
    [2, 'abortTaskSet'],
    [4, 'clearTaskSet'],
    [5, 'logicalUnitReset'],
    [6, 'targetReset'],
    [7, 'targetReset'],
  ])('function %i is %s of the device server', (code, name) => {
    const { link, device } = session();
    link.initiator.manage(code, { lun: lun(3) });
    expect(device.management[0]?.name).toBe(name);
    expect(link.initiator.take()).toEqual([]);
    device.management[0]!.done('complete');
    link.takeAll();
    expect(responses(link)).toEqual([0]);
  });

  test('nothing is sent for tasks of the LUN, not even a status that was ready', () => {
    const { link, device } = session();
    link.slow = true;
    device.onSubmit = (task) => task.complete(good([new Uint8Array(512)]));
    link.initiator.command({ readBytes: 512 });
    const other = link.initiator.command({ readBytes: 512, lun: lun(1) });
    link.initiator.manage(5);
    device.management[0]!.done('complete');
    const after = link.initiator.command({ readBytes: 512 });
    link.takeAll();
    const pdus = link.initiator.take();
    expect(pdus.map(({ opcode }) => opcode)).toEqual([0x22, 0x25, 0x25]);
    const tags = pdus.slice(1).map(({ header }) => Buffer.from(header).readUInt32BE(16));
    expect(tags).toEqual([other, after]);
  });

  test('a command that is held up by its CmdSN is ended when that is before the function, else not [RFC 7143 §4.2.3.3]', () => {
    const { link, device } = session();
    link.initiator.command({ cmdSN: 101 });
    const other = link.initiator.command({ cmdSN: 102, lun: lun(1) });
    link.initiator.cmdSN = 103;
    link.initiator.manage(5);
    const after = link.initiator.command({ cmdSN: 103 });
    device.management[0]!.done('complete');
    link.takeAll();
    expect(responses(link)).toEqual([0]);
    const missing = link.initiator.command({ cmdSN: 100 });
    expect(device.tasks.map(({ tag }) => tag)).toEqual([missing, other, after]);
  });

  test.each([
    ['lun-does-not-exist', 2],
    ['not-supported', 5],
    ['rejected', 255],
    ['task-does-not-exist', 1],
  ] as const)('the outcome %s is response %i [RFC 7143 §11.6.1]', (outcome, code) => {
    const { link, device } = session();
    link.initiator.manage(5);
    device.management[0]!.done(outcome);
    link.takeAll();
    expect(responses(link)).toEqual([code]);
  });

  test('CLEAR ACA is not supported: 5 [RFC 7143 §11.6.1]', () => {
    const { link } = session();
    link.initiator.manage(3);
    expect(responses(link)).toEqual([5]);
  });

  test('TASK REASSIGN needs ErrorRecoveryLevel 2: 4 [RFC 7143 §11.6.1]', () => {
    const { link } = session();
    link.initiator.manage(8);
    expect(responses(link)).toEqual([4]);
  });

  test('a function that is none: 5', () => {
    const { link } = session();
    link.initiator.manage(99);
    expect(responses(link)).toEqual([5]);
  });

  test('a response goes ahead of data that waits', () => {
    const { link, device } = session();
    device.onSubmit = (task) => task.complete(good([new Uint8Array(512)]));
    link.slow = true;
    link.initiator.command({ readBytes: 512, lun: lun(1) });
    link.initiator.manage(3);
    link.takeAll();
    expect(opcodes(link)).toEqual([0x22, 0x25]);
  });

  test('a cold reset drops every session of the target, and says so [RFC 7143 §11.5.1]', () => {
    const { made, link, device } = session();
    const other = made.connect();
    other.initiator.isid = '00023d000002';
    other.initiator.login([
      ['InitiatorName', 'iqn.2026-01.org.example:other'],
      ['TargetName', 'iqn.2026-01.org.example:disk'],
    ]);
    link.initiator.manage(7);
    device.management[0]!.done('complete');
    link.takeAll();
    other.takeAll();
    expect(opcodes(link)).toEqual([0x22, 0x32]);
    expect(opcodes(other)).toEqual([0x32]);
    expect([link.closed, other.closed]).toEqual([true, true]);
  });
});
