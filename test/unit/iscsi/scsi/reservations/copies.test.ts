/** EXTENDED COPY against reservations of the units that it reads and writes. */
import { ScsiTarget } from '../../../../../iscsi/scsi/scsi-target.ts';
import { blocks, copyOut, cscd, lid1 } from '../../../../initiator/copy-lists.ts';
import { MemoryDevice } from '../../../../memory-device.ts';
import { newUnits } from '../host.ts';
import { EA, Out, ReservingHost, WE_RO } from './reserving-host.ts';

const lun1 = { lun: '0001000000000000' };

/** Two disks as LUN 0 and 1, hosts a and b; `a` asks LUN 0 for a copy into LUN 1. */
function twoDisks() {
  const units = newUnits();
  const [source, destination] = [
    new MemoryDevice({ blocks: 2048 }),
    new MemoryDevice({ blocks: 2048 }),
  ];
  const target = new ScsiTarget(units);
  target.mapLun(0, source);
  target.mapLun(1, destination);
  const [a, b] = [new ReservingHost(target, 'host-a'), new ReservingHost(target, 'host-b')];
  for (const host of [a, b]) {
    host.settle();
    host.settle(lun1.lun);
  }
  const list = lid1([cscd(source), cscd(destination)], [blocks(64, { from: 0, to: 1 })]);
  return { a, b, destination, copy: () => a.send(copyOut('00', list), { dataOut: list }) };
}

test('a copy writes nothing where its host is shut out', () => {
  const { b, copy, destination } = twoDisks();
  b.out(Out.register, { actionKey: 2 }, lun1);
  b.out(Out.reserve, { key: 2, type: EA }, lun1);
  destination.holding = true;
  expect(copy().outcome).toBe('a/00/00');
  expect(destination.heldCount).toBe(0);
});

test('PREEMPT AND ABORT waits for what another unit is copying into this one', () => {
  const { a, b, copy, destination } = twoDisks();
  a.out(Out.register, { actionKey: 1 }, lun1);
  b.out(Out.register, { actionKey: 2 }, lun1);
  a.out(Out.reserve, { key: 1, type: WE_RO }, lun1);
  destination.holding = true;
  const copying = copy();
  const preempting = b.out(Out.preemptAndAbort, { key: 2, actionKey: 1, type: EA }, lun1);
  expect([copying.outcome, preempting.outcome]).toEqual(['pending', 'pending']);
  destination.release();
  expect(preempting.outcome).toBe('good');
  expect(copying.outcome).not.toBe('good');
});
