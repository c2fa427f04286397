import { TaskAttribute } from '../../../../iscsi/scsi/task.ts';
import { MemoryDevice } from '../../../memory-device.ts';
import { Host, newTarget, setUp } from './host.ts';

const read = '28 00 00 00 00 00 00 00 01 00';
const write = '2A 00 00 00 00 00 00 00 01 00';
const testUnitReady = '00 00 00 00 00 00';
const { ordered, headOfQueue, simple, untagged, aca } = TaskAttribute;

describe('task attributes', () => {
  test('SIMPLE commands run side by side and end in any order [SAM-5, SIMPLE task attribute]', () => {
    const { host, device } = setUp();
    device.holding = true;
    const tasks = [host.send(read), host.send(read), host.send(read, { attribute: untagged })];
    expect(device.heldCount).toBe(3);
    device.release([2]);
    expect(tasks.map(({ outcome }) => outcome)).toEqual(['pending', 'pending', 'good']);
  });

  test('ORDERED waits for all that is older, and what is newer waits for it [SAM-5, ORDERED task attribute]', () => {
    const { host, device } = setUp();
    device.holding = true;
    const older = host.send(read);
    const middle = host.send(read, { attribute: ordered });
    const newer = host.send(read, { attribute: simple });
    expect(device.heldCount).toBe(1);
    device.release();
    expect([older.outcome, middle.outcome, newer.outcome]).toEqual(['good', 'pending', 'pending']);
    expect(device.heldCount).toBe(1);
    device.release();
    expect([middle.outcome, newer.outcome]).toEqual(['good', 'pending']);
    device.release();
    expect(newer.outcome).toBe('good');
  });

  test('two ORDERED commands run one after the other [SAM-5, ORDERED task attribute]', () => {
    const { host, device } = setUp();
    device.holding = true;
    host.send(read, { attribute: ordered });
    host.send(read, { attribute: ordered });
    expect(device.heldCount).toBe(1);
    device.release();
    expect(device.heldCount).toBe(1);
  });

  test('HEAD OF QUEUE runs at once, past ORDERED ones that wait [SAM-5, HEAD OF QUEUE task attribute]', () => {
    const { host, device } = setUp();
    device.holding = true;
    host.send(read);
    const waiting = host.send(read, { attribute: ordered });
    const first = host.send(read, { attribute: headOfQueue });
    expect(device.heldCount).toBe(2);
    device.release([1]);
    expect([first.outcome, waiting.outcome]).toEqual(['good', 'pending']);
  });

  test('SIMPLE waits for a HEAD OF QUEUE command [SAM-5, SIMPLE task attribute]', () => {
    const { host, device } = setUp();
    device.holding = true;
    host.send(read, { attribute: headOfQueue });
    const waiting = host.send(read);
    expect(device.heldCount).toBe(1);
    device.release();
    device.release();
    expect(waiting.outcome).toBe('good');
  });

  test('a waiting ORDERED write asks for its data only when its turn has come', () => {
    const { host, device } = setUp();
    device.holding = true;
    host.send(read);
    const waiting = host.send(write, { attribute: ordered, dataOut: new Uint8Array(512) });
    expect(waiting.solicited).toBe(0);
    device.release();
    expect(waiting.solicited).toBe(512);
  });

  test('there is no ACA condition, so the ACA attribute is INVALID MESSAGE ERROR', () => {
    const { host } = setUp();
    expect(host.send(testUnitReady, { attribute: aca }).outcome).toBe('5/49/00');
  });

  test('a thousand commands that wait behind one are run without deep recursion', () => {
    const target = newTarget(20_000);
    const device = new MemoryDevice({ blocks: 2048 });
    target.mapLun(0, device);
    const host = new Host(target);
    host.settle();
    device.holding = true;
    host.send(read, { attribute: ordered });
    const waiting = Array.from({ length: 10_000 }, () => host.send(testUnitReady));
    device.release();
    expect(waiting.every(({ outcome }) => outcome === 'good')).toBe(true);
  });
});

describe('bounds of the task set', () => {
  test('one command too many is answered TASK SET FULL and leaves no trace [SAM-5, status codes]', () => {
    const target = newTarget(3);
    const device = new MemoryDevice({ blocks: 2048 });
    target.mapLun(0, device);
    const host = new Host(target);
    host.settle();
    device.holding = true;
    const tasks = [1, 2, 3, 4].map((tag) => host.send(read, { tag }));
    expect(tasks[3]?.outcome).toBe('status 28');
    expect(tasks[3]?.result?.sense.length).toBe(0);
    device.release();
    expect(tasks.slice(0, 3).map(({ outcome }) => outcome)).toEqual(['good', 'good', 'good']);
    device.holding = false;
    expect(host.send(read, { tag: 4 }).outcome).toBe('good');
  });

  test('a tag that is in use aborts what the nexus has: OVERLAPPED COMMANDS [SAM-5, overlapped commands]', () => {
    const { host, device } = setUp();
    device.holding = true;
    const first = host.send(read, { tag: 77 });
    expect(host.send(read, { tag: 77 }).outcome).toBe('b/4e/00');
    device.release();
    expect(first.outcome).toBe('dropped');
  });
});

describe('task management', () => {
  test('ABORT TASK is complete only when the block operation is done [SAM-5, ABORT TASK]', () => {
    const { host, device } = setUp();
    device.holding = true;
    const task = host.send(read, { tag: 9 });
    const answer = host.abortTask(9);
    expect([task.outcome, answer.outcome]).toEqual(['pending', null]);
    device.release();
    expect([task.outcome, answer.outcome]).toEqual(['dropped', 'complete']);
  });

  test('a write that was aborted in time is not on the device', () => {
    const { host, device } = setUp();
    device.holding = true;
    host.send(write, { tag: 9, dataOut: new Uint8Array(512).fill(0xaa) });
    host.abortTask(9);
    device.release();
    expect(device.peek(0, 1).every((byte) => byte === 0)).toBe(true);
  });

  test('an abort of what waits for data is complete at once, and the data are for nobody', () => {
    const { host, device } = setUp();
    const task = host.send(write, { tag: 9, dataOut: new Uint8Array(512).fill(1), withhold: true });
    expect(host.abortTask(9).outcome).toBe('complete');
    expect(task.outcome).toBe('dropped');
    task.deliver();
    expect(device.peek(0, 1)[0]).toBe(0);
  });

  test('two aborts of one task are both answered', () => {
    const { host, device } = setUp();
    device.holding = true;
    host.send(read, { tag: 9 });
    const answers = [host.abortTask(9), host.abortTask(9)];
    device.release();
    expect(answers.map(({ outcome }) => outcome)).toEqual(['complete', 'complete']);
  });

  test('a task that has ended does not exist [SAM-5, ABORT TASK]', () => {
    const { host } = setUp();
    host.send(read, { tag: 9 });
    expect(host.abortTask(9).outcome).toBe('task-does-not-exist');
  });

  test('a task management function for a LUN that is none says so', () => {
    const { host } = setUp();
    expect(host.manage('logicalUnitReset', '0007000000000000').outcome).toBe('lun-does-not-exist');
    expect(host.manage('abortTaskSet', '0007000000000000').outcome).toBe('lun-does-not-exist');
  });

  test('ABORT TASK SET ends the commands of this nexus only [SAM-5, ABORT TASK SET]', () => {
    const { host, device, target } = setUp();
    const other = new Host(target, 'host-b');
    other.settle();
    device.holding = true;
    const mine = host.send(read);
    const theirs = other.send(read);
    const answer = host.manage('abortTaskSet');
    device.release();
    expect(answer.outcome).toBe('complete');
    expect([mine.outcome, theirs.outcome]).toEqual(['dropped', 'good']);
    expect(other.settle()).toEqual([]);
  });

  test('nothing that is about to be aborted starts on the way', () => {
    const { host, device } = setUp();
    device.holding = true;
    host.send(read);
    const waiting = host.send(write, {
      attribute: ordered,
      dataOut: new Uint8Array(512),
    });
    host.manage('abortTaskSet');
    device.release();
    expect(waiting.solicited).toBe(0);
    expect(waiting.outcome).toBe('dropped');
  });

  test('CLEAR TASK SET ends all; the others hear COMMANDS CLEARED [SAM-5, CLEAR TASK SET, TAS 0]', () => {
    const { host, device, target } = setUp();
    const other = new Host(target, 'host-b');
    const idle = new Host(target, 'host-c');
    other.settle();
    idle.settle();
    device.holding = true;
    const theirs = other.send(read);
    const answer = host.manage('clearTaskSet');
    expect(answer.outcome).toBe(null);
    device.release();
    expect([theirs.outcome, answer.outcome]).toEqual(['dropped', 'complete']);
    expect([host.settle(), other.settle(), idle.settle()]).toEqual([[], ['6/2f/00'], []]);
  });

  test('a logical unit reset ends all and is told to every nexus [SAM-5, logical unit reset]', () => {
    const { host, device, target } = setUp();
    const other = new Host(target, 'host-b');
    other.settle();
    device.holding = true;
    const theirs = other.send(read);
    const answer = host.manage('logicalUnitReset');
    expect(answer.outcome).toBe(null);
    device.release();
    expect([theirs.outcome, answer.outcome]).toEqual(['dropped', 'complete']);
    expect([host.settle(), other.settle()]).toEqual([['6/29/03'], ['6/29/03']]);
  });

  test('a target reset does so for every logical unit [SAM-5, hard reset]', () => {
    const { host, device, target } = setUp();
    target.mapLun(3, new MemoryDevice({ blocks: 16 }));
    host.settle();
    host.settle('0003000000000000');
    device.holding = true;
    const task = host.send(read);
    let outcome: string | null = null;
    target.targetReset(host.nexus, (given) => {
      outcome = given;
    });
    expect(outcome).toBe(null);
    device.release();
    expect([task.outcome, outcome]).toEqual(['dropped', 'complete']);
    expect([host.settle(), host.settle('0003000000000000')]).toEqual([['6/29/02'], ['6/29/02']]);
  });

  test('the loss of a nexus is over when its commands are [SAM-5, I_T nexus loss]', () => {
    const { host, device, target } = setUp();
    device.holding = true;
    const task = host.send(read);
    let over = false;
    target.detach(host.nexus, () => {
      over = true;
    });
    expect(over).toBe(false);
    device.release();
    expect([task.outcome, over]).toEqual(['dropped', true]);
  });

  test('data that failed end the command with the sense given', () => {
    const { host, target } = setUp();
    const task = host.send(write, { dataOut: new Uint8Array(512), withhold: true });
    target.dataFailed(task, { key: 0xb, asc: 0x47, ascq: 0x05 });
    expect(task.outcome).toBe('b/47/05');
  });
});
