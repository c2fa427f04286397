import { MemoryDevice } from '../../../memory-device.ts';
import { bytes, hex, Host, newTarget, setUp } from './host.ts';

const testUnitReady = '00 00 00 00 00 00';
const inquiry = '12 00 00 00 60 00';
const reportLuns = 'A0 00 00 00 00 00 00 00 10 00 00 00';
const requestSense = '03 00 00 00 FC 00';

function fresh(): { host: Host; device: MemoryDevice } {
  const target = newTarget();
  const device = new MemoryDevice({ blocks: 2048 });
  target.mapLun(0, device);
  return { host: new Host(target), device };
}

test('a new nexus is told of power on once, before its first command [SAM-5, unit attention conditions]', () => {
  const { host } = fresh();
  expect(host.send(testUnitReady).outcome).toBe('6/29/00');
  expect(host.send(testUnitReady).outcome).toBe('good');
});

test('INQUIRY and REPORT LUNS are performed and leave the condition [SAM-5, unit attention conditions]', () => {
  const { host } = fresh();
  expect(host.send(inquiry).outcome).toBe('good');
  expect(host.send(reportLuns).outcome).toBe('good');
  expect(host.send(testUnitReady).outcome).toBe('6/29/00');
});

test('REQUEST SENSE gives the condition as data and clears it [SPC-4, REQUEST SENSE]', () => {
  const { host } = fresh();
  const task = host.send(requestSense);
  expect(task.outcome).toBe('good');
  expect(hex(task.dataIn)).toBe('700006000000000a00000000290000000000');
  expect(hex(host.send(requestSense).dataIn)).toBe('700000000000000a00000000000000000000');
});

describe('what was told by a response that was never sent is pending again', () => {
  const unheard = (task: ReturnType<Host['send']>): void => {
    task.whenUnheard?.();
  };

  test('a condition that CHECK CONDITION or REQUEST SENSE reported, before those that came after it', () => {
    const { host, device } = fresh();
    device.blocks = 4096;
    host.target.units.deviceChanged(device);
    for (const cdb of [testUnitReady, requestSense]) unheard(host.send(cdb));
    expect(host.settle()).toEqual(['6/29/00', '6/2a/09']);
  });

  test('not when a reset came meanwhile, which implies it', () => {
    const { host } = fresh();
    const task = host.send(testUnitReady);
    host.manage('logicalUnitReset');
    unheard(task);
    expect(host.settle()).toEqual(['6/29/03']);
  });

  test('a changed LUN list that REPORT LUNS gave', () => {
    const { host } = fresh();
    host.settle();
    host.target.mapLun(1, new MemoryDevice({ blocks: 2048 }));
    const task = host.send(reportLuns);
    unheard(task);
    expect(host.settle()).toEqual(['6/3f/0e']);
    expect(host.settle('0001000000000000')).toEqual(['6/29/00', '6/3f/0e']);
    expect(host.send(reportLuns).whenUnheard).toBe(null);
  });
});

test('an unknown operation code gets the condition first [SAM-5, unit attention conditions]', () => {
  const { host } = fresh();
  expect(host.send('FF').outcome).toBe('6/29/00');
  expect(host.send('FF').outcome).toBe('5/20/00');
});

test('a nexus that comes back after its loss is told I_T NEXUS LOSS [SAM-5, I_T nexus loss]', () => {
  const { host } = fresh();
  host.settle();
  host.target.detach(host.nexus, () => undefined);
  const again = new Host(host.target);
  expect(again.settle()).toEqual(['6/29/07']);
});

test('each nexus has conditions of its own', () => {
  const { host } = fresh();
  const other = new Host(host.target, 'host-b');
  expect(host.settle()).toEqual(['6/29/00']);
  expect(other.settle()).toEqual(['6/29/00']);
});

test('a resize is CAPACITY DATA HAS CHANGED for all [SBC-3, READ CAPACITY data has changed]', () => {
  const { host, device, target } = setUp();
  const other = new Host(target, 'host-b');
  other.settle();
  device.blocks = 4096;
  target.units.deviceChanged(device);
  expect([host.settle(), other.settle()]).toEqual([['6/2a/09'], ['6/2a/09']]);
  expect(hex(host.send('25').dataIn)).toBe('00000fff00000200');
});

test('a setting that the operator changed is MODE PARAMETERS CHANGED for all, and shows', () => {
  const { host, device, target } = setUp();
  device.volatileCache = false;
  target.units.deviceChanged(device);
  expect(host.settle()).toEqual(['6/2a/01']);
  expect(hex(host.send('1a0008001800').dataIn.subarray(12, 15))).toBe('081200');
  host.manage('logicalUnitReset');
  host.settle();
  expect(hex(host.send('1a0008001800').dataIn.subarray(12, 15))).toBe('081200');
  device.readOnly = true;
  target.units.deviceChanged(device);
  target.units.deviceChanged(device);
  expect(host.settle()).toEqual(['6/2a/01']);
});

test('other content is NOT READY TO READY CHANGE, and CAPACITY DATA HAS CHANGED with another size', () => {
  const { host, device, target } = setUp();
  target.units.contentReplaced(device);
  expect(host.settle()).toEqual(['6/28/00']);
  device.blocks += 8;
  target.units.contentReplaced(device);
  expect(host.settle()).toEqual(['6/28/00', '6/2a/09']);
});

test('a change that nobody can see is not told', () => {
  const { host, device, target } = setUp();
  target.units.deviceChanged(device);
  expect(host.settle()).toEqual([]);
});

test('the same condition waits once, and a reset clears what is older [SAM-5, unit attention conditions]', () => {
  const { host, device, target } = setUp();
  const grow = (): void => {
    device.blocks += 8;
    target.units.deviceChanged(device);
  };
  grow();
  grow();
  expect(host.settle()).toEqual(['6/2a/09']);
  grow();
  host.manage('logicalUnitReset');
  expect(host.settle()).toEqual(['6/29/03']);
});

describe('a change of the LUN map', () => {
  test('is told on the other units, and to the listener', () => {
    let told = 0;
    const target = newTarget();
    target.mapLun(0, new MemoryDevice({ blocks: 16 }));
    const host = new Host(target, 'host-a', {
      lunsChanged: () => {
        told += 1;
      },
    });
    host.settle();
    target.mapLun(1, new MemoryDevice({ blocks: 16 }));
    expect(told).toBe(1);
    expect(host.send(testUnitReady).outcome).toBe('6/3f/0e');
    target.unmapLun(1);
    expect(told).toBe(2);
    expect(host.settle()).toEqual(['6/3f/0e']);
  });

  test('is cleared on all units by REPORT LUNS [SPC-4, REPORT LUNS, LUICLR]', () => {
    const { host, target } = setUp();
    target.mapLun(1, new MemoryDevice({ blocks: 16 }));
    expect(hex(host.send('A0 00 00 00 00 00 00 00 20 00 00 00').dataIn)).toBe(
      '0000001000000000' + '0000000000000000' + '0001000000000000',
    );
    expect(host.settle()).toEqual([]);
    expect(host.settle('0001000000000000')).toEqual(['6/29/00']);
  });

  test('a unit that is gone is LOGICAL UNIT NOT SUPPORTED; the device is free when it is idle', () => {
    const { host, device, target } = setUp();
    device.holding = true;
    const running = host.send('28 00 00 00 00 00 00 00 01 00');
    const waiting = host.send('2A 00 00 00 00 00 00 00 01 00', {
      dataOut: new Uint8Array(512),
      withhold: true,
    });
    let free = false;
    target.unmapLun(0, () => {
      free = true;
    });
    expect(waiting.outcome).toBe('5/25/00');
    expect([running.outcome, free]).toEqual(['pending', false]);
    device.release();
    expect([running.outcome, free]).toEqual(['good', true]);
    expect(host.send(testUnitReady).outcome).toBe('5/25/00');
  });

  test('a nexus that is lost meanwhile waits for its command on the unit that is going', () => {
    const { host, device, target } = setUp();
    device.holding = true;
    host.send('28 00 00 00 00 00 00 00 01 00');
    let free = false;
    let lost = false;
    target.unmapLun(0, () => {
      free = true;
    });
    target.detach(host.nexus, () => {
      lost = true;
    });
    expect([free, lost]).toEqual([false, false]);
    device.release();
    expect([free, lost]).toEqual([true, true]);
  });
});

describe('a LUN without a logical unit', () => {
  const lun = '0005000000000000';

  test('INQUIRY says qualifier 011b, type 1Fh [SPC-4, standard INQUIRY data]', () => {
    const { host } = setUp();
    const data = host.send(inquiry, { lun }).dataIn;
    expect(data[0]).toBe(0x7f);
    expect(data.length).toBe(96);
  });

  test('REPORT LUNS is answered, at LUN 0 too when nothing is mapped [SPC-4, REPORT LUNS]', () => {
    const host = new Host(newTarget());
    expect(hex(host.send(reportLuns).dataIn)).toBe('0000000000000000');
  });

  test('REQUEST SENSE gives LOGICAL UNIT NOT SUPPORTED as data [SPC-4, REQUEST SENSE]', () => {
    const { host } = setUp();
    const task = host.send(requestSense, { lun });
    expect(task.outcome).toBe('good');
    expect(hex(task.dataIn)).toBe('700005000000000a00000000250000000000');
  });

  test('everything else is refused, whatever it is', () => {
    const { host } = setUp();
    expect(host.send(testUnitReady, { lun }).outcome).toBe('5/25/00');
    expect(host.send('FF', { lun }).outcome).toBe('5/25/00');
    expect(host.send('28 00 00 00 00 00 00 00 01 00', { lun }).outcome).toBe('5/25/00');
  });

  test('the REPORT LUNS well known logical unit answers [SPC-4, REPORT LUNS well known logical unit]', () => {
    const { host } = setUp();
    const wellKnown = { lun: 'c101000000000000' };
    expect(host.send(inquiry, wellKnown).dataIn[0]).toBe(0x1e);
    expect(host.send(testUnitReady, wellKnown).outcome).toBe('good');
    expect(hex(host.send('A0 00 02 00 00 00 00 00 20 00 00 00', wellKnown).dataIn)).toBe(
      '0000001000000000' + '0000000000000000' + 'c101000000000000',
    );
    expect(host.send('28 00 00 00 00 00 00 00 01 00', wellKnown).outcome).toBe('5/25/00');
  });
});

describe('the LUN field [SAM-5, logical unit number]', () => {
  test('peripheral and flat addressing name the same unit; above 255 only flat', () => {
    const { host, target } = setUp();
    target.mapLun(300, new MemoryDevice({ blocks: 16 }));
    host.settle();
    expect(host.send(testUnitReady, { lun: '4000000000000000' }).outcome).toBe('good');
    expect(host.settle('412c000000000000')).toEqual(['6/29/00', '6/3f/0e']);
    expect(hex(host.send('A0 00 00 00 00 00 00 00 20 00 00 00').dataIn)).toBe(
      '0000001000000000' + '0000000000000000' + '412c000000000000',
    );
  });

  test.each(['0100000000000000', '0000000100000000', '8000000000000000', 'c102000000000000'])(
    '%s names nothing',
    (lun) => {
      const { host } = setUp();
      expect(bytes(lun).length).toBe(8);
      expect(host.send(testUnitReady, { lun }).outcome).toBe('5/25/00');
    },
  );

  test('SELECT REPORT 1 lists the well known unit alone; 3 is refused [SPC-4, REPORT LUNS]', () => {
    const { host } = setUp();
    expect(hex(host.send('A0 00 01 00 00 00 00 00 20 00 00 00').dataIn)).toBe(
      '0000000800000000' + 'c101000000000000',
    );
    const refused = host.send('A0 00 03 00 00 00 00 00 20 00 00 00');
    expect([refused.outcome, refused.fieldPointer]).toEqual(['5/24/00', 'c00002']);
  });
});
