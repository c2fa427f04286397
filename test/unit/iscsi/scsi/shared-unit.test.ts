import { ScsiTarget } from '../../../../iscsi/scsi/scsi-target.ts';
import { TaskAttribute } from '../../../../iscsi/scsi/task.ts';
import { MemoryDevice } from '../../../memory-device.ts';
import { bytes, hex, Host, newTarget, newUnits } from './host.ts';

const read = '28 00 00 00 00 00 00 00 01 00';
const testUnitReady = '00 00 00 00 00 00';
const lun5 = '0005000000000000';

/** One volume as LUN 0 of a target and LUN 5 of another, a host on each, attentions taken. */
function shared(maxTasks = 64) {
  const units = newUnits(maxTasks);
  const device = new MemoryDevice({ blocks: 2048 });
  const [first, second] = [new ScsiTarget(units), new ScsiTarget(units)];
  first.mapLun(0, device);
  second.mapLun(5, device);
  const a = new Host(first, 'host-a');
  const b = new Host(second, 'host-b', {}, { targetName: 'iqn.2024-01.com.example:other' });
  a.settle();
  b.settle(lun5);
  return { units, device, first, second, a, b };
}

describe('a volume that several targets show is one logical unit', () => {
  test('its identity and its content are the same by every path', () => {
    const { a, b } = shared();
    a.send('2A 00 00 00 00 00 00 00 01 00', { dataOut: new Uint8Array(512).fill(0x5a) });
    expect(b.send(read, { lun: lun5 }).dataIn[0]).toBe(0x5a);
    const serial = '12 01 80 00 FF 00';
    expect(hex(b.send(serial, { lun: lun5 }).dataIn)).toBe(hex(a.send(serial).dataIn));
  });

  test('LOGICAL UNIT RESET ends the commands of all and is told to every nexus of every target', () => {
    const { a, b, device } = shared();
    device.holding = true;
    const theirs = b.send(read, { lun: lun5 });
    const answer = a.manage('logicalUnitReset');
    expect(answer.outcome).toBe(null);
    device.release();
    expect([theirs.outcome, answer.outcome]).toEqual(['dropped', 'complete']);
    expect([a.settle(), b.settle(lun5)]).toEqual([['6/29/03'], ['6/29/03']]);
  });

  test('CLEAR TASK SET ends the commands of all; ABORT TASK SET those of its own nexus', () => {
    const { a, b, device } = shared();
    device.holding = true;
    const kept = b.send(read, { lun: lun5 });
    a.manage('abortTaskSet');
    device.release();
    expect(kept.outcome).toBe('good');
    const cleared = b.send(read, { lun: lun5 });
    a.manage('clearTaskSet');
    device.release();
    expect(cleared.outcome).toBe('dropped');
    expect([a.settle(), b.settle(lun5)]).toEqual([[], ['6/2f/00']]);
  });

  test('ABORT TASK reaches no task of another nexus with the same tag', () => {
    const { a, b, device } = shared();
    device.holding = true;
    const theirs = b.send(read, { lun: lun5, tag: 9 });
    expect(a.abortTask(9).outcome).toBe('task-does-not-exist');
    device.release();
    expect(theirs.outcome).toBe('good');
  });

  test('a target reset of one target resets it for all [SAM-5, logical unit reset]', () => {
    const { a, b, first } = shared();
    first.targetReset(a.nexus, () => undefined);
    expect([a.settle(), b.settle(lun5)]).toEqual([['6/29/02'], ['6/29/02']]);
  });

  test('there is one task set: an ORDERED command waits for those of every target', () => {
    const { a, b, device } = shared();
    device.holding = true;
    a.send(read);
    b.send(read, { lun: lun5, attribute: TaskAttribute.ordered });
    expect(device.heldCount).toBe(1);
    device.release();
    expect(device.heldCount).toBe(1);
    device.release();
  });

  test('mode parameters are the same everywhere, and a change is told to the others', () => {
    const { a, b } = shared();
    const list = '00 00 00 00 0A 0A 04 10 00 00 00 00 FF FF 00 00';
    expect(a.send('15 10 00 00 10 00', { dataOut: bytes(list) }).outcome).toBe('good');
    expect([a.settle(), b.settle(lun5)]).toEqual([[], ['6/2a/01']]);
    expect(hex(b.send('1A 08 0A 00 FF 00', { lun: lun5 }).dataIn.subarray(6, 7))).toBe('04');
  });

  test('a resize is told once to each nexus of each target', () => {
    const { a, b, device, units } = shared();
    device.blocks = 4096;
    units.deviceChanged(device);
    units.deviceChanged(device);
    expect([a.settle(), b.settle(lun5)]).toEqual([['6/2a/09'], ['6/2a/09']]);
  });
});

describe('unmapping from one target', () => {
  test('refuses what came by it and has not begun, and leaves the others alone', () => {
    const { a, b, device, first } = shared();
    device.holding = true;
    const running = a.send(read);
    const waiting = a.send(read, { attribute: TaskAttribute.ordered });
    const theirs = b.send(read, { lun: lun5 });
    let free = false;
    first.unmapLun(0, () => {
      free = true;
    });
    expect([waiting.outcome, running.outcome, theirs.outcome]).toEqual([
      '5/25/00',
      'pending',
      'pending',
    ]);
    device.release([0]);
    expect([running.outcome, free]).toEqual(['good', true]);
    device.release();
    expect(theirs.outcome).toBe('good');
    expect(b.settle(lun5)).toEqual([]);
    expect(a.send(testUnitReady).outcome).toBe('5/25/00');
  });

  test('a reset by another target waits for what it left running', () => {
    const { a, b, device, first } = shared();
    device.holding = true;
    const running = a.send(read);
    first.unmapLun(0);
    const answer = b.manage('logicalUnitReset', lun5);
    expect(answer.outcome).toBe(null);
    device.release();
    expect([running.outcome, answer.outcome]).toEqual(['dropped', 'complete']);
  });

  test('an abort or a reset by its own path waits for what it left running', () => {
    const { a, device, first } = shared();
    device.holding = true;
    const running = a.send(read, { tag: 9 });
    first.unmapLun(0);
    const answers = [a.abortTask(9), a.manage('logicalUnitReset')];
    let reset: string | null = null;
    first.targetReset(a.nexus, (outcome) => {
      reset = outcome;
    });
    expect([...answers.map(({ outcome }) => outcome), reset]).toEqual([null, null, null]);
    device.release();
    expect(running.outcome).toBe('good');
    expect([...answers.map(({ outcome }) => outcome), reset]).toEqual([
      'lun-does-not-exist',
      'lun-does-not-exist',
      'complete',
    ]);
  });

  test('a reset by another waits for the commands of a nexus that was lost', () => {
    const { a, b, device, first } = shared();
    device.holding = true;
    a.send(read);
    first.detach(a.nexus, () => undefined);
    const answer = b.manage('logicalUnitReset', lun5);
    expect(answer.outcome).toBe(null);
    device.release();
    expect(answer.outcome).toBe('complete');
  });

  test('waits for the commands of a nexus that was lost before', () => {
    const { a, device, first, second, units } = shared();
    const unit = units.find(device);
    second.unmapLun(5);
    device.holding = true;
    a.send(read);
    let lost = false;
    first.detach(a.nexus, () => {
      lost = true;
    });
    let free = false;
    first.unmapLun(0, () => {
      free = true;
    });
    expect([lost, free, units.find(device)]).toEqual([false, false, unit]);
    device.release();
    expect([lost, free, units.find(device)]).toEqual([true, true, null]);
  });

  test('a unit that no target shows any more is forgotten, with its mode parameters', () => {
    const { device, first, second, units } = shared();
    const unit = units.find(device);
    unit?.modes.setWriteCache(false);
    first.unmapLun(0);
    expect(units.find(device)).toBe(unit);
    second.unmapLun(5);
    expect(units.find(device)).toBe(null);
    first.mapLun(0, device);
    expect(units.find(device)).not.toBe(unit);
  });

  test('a unit mapped again while it is still at work is the same one', () => {
    const { b, device, first, second, units } = shared();
    const unit = units.find(device);
    first.unmapLun(0);
    device.holding = true;
    b.send(read, { lun: lun5 });
    second.unmapLun(5);
    first.mapLun(0, device);
    device.release();
    expect(units.find(device)).toBe(unit);
  });
});

test('one target may show a volume under two LUNs', () => {
  const target = newTarget();
  const device = new MemoryDevice({ blocks: 2048 });
  target.mapLun(0, device);
  target.mapLun(5, device);
  const host = new Host(target);
  expect([host.settle(), host.settle(lun5)]).toEqual([['6/29/00'], ['6/29/00']]);
  target.unmapLun(0);
  expect(host.send(read, { lun: lun5 }).outcome).toBe('6/3f/0e');
  expect(host.send(read, { lun: lun5 }).outcome).toBe('good');
});
