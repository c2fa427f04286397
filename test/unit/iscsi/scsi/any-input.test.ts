import * as fc from 'fast-check';
import { commandTable } from '../../../../iscsi/scsi/command-table.ts';
import { TaskAttribute } from '../../../../iscsi/scsi/task.ts';
import { hex, setUp } from './host.ts';

const rows = fc.constantFrom(...commandTable.rows);
const attributes = fc.constantFrom(...Object.values(TaskAttribute));
const lunField = fc.oneof(
  { weight: 8, arbitrary: fc.constant('0000000000000000') },
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map(hex),
);

/** A CDB of a known command with fields that pass the mask, so that its handler is reached. */
const wellFormed = fc
  .tuple(rows, fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(([row, noise]) => {
    const cdb = noise.slice();
    row.usage.forEach((mask, at) => {
      cdb[at] = (noise[at] ?? 0) & mask;
    });
    cdb[0] = row.opcode;
    if (row.serviceAction !== null) cdb[1] = row.serviceAction;
    return cdb;
  });

/** The same with a small LBA and length, so that data are moved. */
const nearby = wellFormed.map((cdb) => {
  const small = cdb.slice();
  for (const at of [2, 3, 4, 6, 7, 10, 11, 12]) small[at] = 0;
  small[8] = (small[8] ?? 0) & 0x07;
  return small;
});

const anything = fc.uint8Array({ minLength: 16, maxLength: 16 });
const cdbs = fc.oneof(wellFormed, nearby, anything);

test('no CDB, LUN, attribute or data, however formed, throws or leaves a task without an end', () => {
  const { host } = setUp();
  fc.assert(
    fc.property(
      cdbs,
      lunField,
      attributes,
      fc.uint8Array({ maxLength: 2048 }),
      (cdb, lun, attribute, dataOut) => {
        const task = host.send(hex(cdb), { lun, attribute, dataOut });
        expect(task.outcome).not.toBe('pending');
        const { result } = task;
        const total = (result?.dataIn.views ?? []).reduce((sum, view) => sum + view.length, 0);
        expect(result?.dataInBytes).toBe(total);
      },
    ),
    { numRuns: 3000 },
  );
});

test('no parameter list of MODE SELECT or UNMAP throws, and none does harm', () => {
  const { host } = setUp();
  const header = fc.constantFrom([0x15, 4], [0x55, 8], [0x42, 8]);
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 128 }), fc.boolean(), (kind, list, tidy) => {
      const [opcode = 0, headerBytes = 0] = kind;
      const dataOut = list.slice();
      // Half of them get a header that lets the pages or descriptors be looked at.
      if (tidy) dataOut.fill(0, 0, headerBytes);
      const cdb = new Uint8Array(16);
      cdb[0] = opcode;
      cdb[1] = opcode === 0x42 ? 0 : 0x10;
      cdb[opcode === 0x15 ? 4 : 8] = dataOut.length;
      const task = host.send(hex(cdb), { dataOut });
      expect(['good', '5/1a/00', '5/21/00', '5/26/00', '7/27/02']).toContain(task.outcome);
    }),
    { numRuns: 3000 },
  );
});

test('in any order of submissions, aborts, resets and completions each task ends exactly once', () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('send' as const),
        cdb: nearby,
        attribute: attributes,
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('deliver' as const), which: fc.nat(20) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('abort' as const),
        tag: fc.integer({ min: 1, max: 30 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'abortTaskSet' as const,
          'clearTaskSet' as const,
          'logicalUnitReset' as const,
        ),
      }),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { host, device } = setUp();
      device.holding = true;
      const tasks: ReturnType<typeof host.send>[] = [];
      const answers: { outcome: string | null }[] = [];
      let tag = 1;
      for (const one of steps) {
        if (one.do === 'send') {
          const { cdb, attribute } = one;
          const dataOut = new Uint8Array(4096);
          tasks.push(host.send(hex(cdb), { attribute, dataOut, tag, withhold: true }));
          tag += 1;
        } else if (one.do === 'release') device.release([one.which % (device.heldCount + 1)]);
        else if (one.do === 'deliver') tasks[one.which]?.deliver();
        else if (one.do === 'abort') answers.push(host.abortTask(one.tag));
        else answers.push(host.manage(one.do));
      }
      for (let round = 0; round < 200 && tasks.some((task) => !task.ended); round += 1) {
        for (const task of tasks) if (!task.ended && task.solicited > 0) task.deliver();
        device.release();
      }
      expect(tasks.filter((task) => !task.ended)).toEqual([]);
      expect(answers.filter(({ outcome }) => outcome === null)).toEqual([]);
      expect(device.heldCount).toBeLessThanOrEqual(steps.length);
    }),
    { numRuns: 500 },
  );
});
