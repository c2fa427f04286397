/** Memory in which Data-Out is lent to commands that give it back. */
import { decodeReadyToTransfer } from '../../../iscsi/pdu/ready-to-transfer.ts';
import type { FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import { World, type Joined } from '../../initiator/joined.ts';

const numbered = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, n) => (from + n) % 251);

function joined(): { link: Joined; device: FakeDeviceServer } {
  const world = new World();
  const device = world.directory.add();
  return { link: world.session(), device };
}

function arriveInPieces(link: Joined, pdu: Uint8Array, pieceBytes: number): void {
  for (let at = 0; at < pdu.length; at += pieceBytes)
    link.arrive(pdu.subarray(at, at + pieceBytes));
}

describe('memory that is lent to a command', () => {
  test('goes to the next command once it was given back, and to one only', () => {
    const { link, device } = joined();
    device.onSubmit = (task) => task.solicit(4096, true);
    const { initiator } = link;
    const write = (): void => {
      initiator.command({ writeBytes: 4096, immediateData: numbered(0, 4096) });
    };
    write();
    const [first] = device.arrived;
    first!.giveBackData();
    first!.giveBackData();
    write();
    write();
    const memory = device.arrived.map(({ dataOut }) => dataOut.buffer);
    expect(memory[1]).toBe(memory[0]);
    expect(memory[2]).not.toBe(memory[1]);
  });

  test('is that in which immediate data came in pieces, until it was given back', () => {
    const { link, device } = joined();
    const take = jest.spyOn(link.connection.options.transfers.buffers, 'take');
    device.onSubmit = (task) => task.solicit(4096, true);
    const { initiator } = link;
    const write = (first: number): void => {
      const immediateData = numbered(first, first + 4096);
      const pdu = initiator.held(() => initiator.command({ writeBytes: 4096, immediateData }));
      arriveInPieces(link, pdu, 1000);
    };
    const holds = (index: number, first: number): boolean =>
      Buffer.from(device.arrived[index]!.dataOut).equals(numbered(first, first + 4096));
    write(0);
    write(1);
    expect(take).toHaveBeenCalledTimes(2);
    expect([holds(0, 0), holds(1, 1)]).toEqual([true, true]);
    const memory = device.arrived[0]!.dataOut.buffer;
    device.arrived[0]!.giveBackData();
    write(2);
    write(3);
    expect([1, 2, 3].map((index) => holds(index, index))).toEqual([true, true, true]);
    expect(device.arrived.map(({ dataOut }) => dataOut.buffer === memory)).toEqual(
      // As it was given back before the third.
      [true, false, true, false],
    );
  });

  test.each([512, 4096, 8192])(
    'holds what came in pieces with a command that takes %i bytes',
    (bytes) => {
      const { link, device } = joined();
      device.onSubmit = (task) => task.solicit(bytes, true);
      const kept: Uint8Array[] = [];
      device.onArrived = (task) => kept.push(Uint8Array.from(task.dataOut));
      const { initiator } = link;
      let itt = 0;
      const immediateData = numbered(0, 3000);
      const pdu = initiator.held(() => {
        itt = initiator.command({ writeBytes: 8192, immediateData });
      });
      link.arrive(pdu.subarray(0, 1000));
      link.arrive(pdu.subarray(1000));
      if (bytes > 3000) {
        const { ttt } = decodeReadyToTransfer(initiator.take()[0]!.header);
        const rest = { ttt, dataSN: 0, bufferOffset: 3000, final: true };
        initiator.dataOut(itt, rest, numbered(3000, bytes));
      }
      expect(kept.map((data) => Buffer.from(data).equals(numbered(0, bytes)))).toEqual([true]);
    },
  );

  test.each([5000, 500])(
    'is that of a command ahead of its turn, in pieces of %i bytes',
    (pieceBytes) => {
      const { link, device } = joined();
      device.onSubmit = (task) => task.solicit(4096, true);
      const { initiator } = link;
      const pduOf = (first: number): Uint8Array =>
        initiator.held(() =>
          initiator.command({ writeBytes: 4096, immediateData: numbered(first, first + 4096) }),
        );
      const [one, two] = [pduOf(0), pduOf(1)];
      for (const pdu of [two, one]) arriveInPieces(link, pdu, pieceBytes);
      const whole = device.arrived.map(({ dataOut }, first) =>
        Buffer.from(dataOut).equals(numbered(first, first + 4096)),
      );
      expect(whole).toEqual([true, true]);
    },
  );

  test('goes back when nobody keeps it', () => {
    const { link } = joined();
    const { buffers } = link.connection.options.transfers;
    const { initiator } = link;
    const ping = initiator.held(() => initiator.nop({ data: numbered(0, 4000) }));
    arriveInPieces(link, ping, 1000);
    expect(buffers.keptBytes).toBe(4096);
  });
});
