/** The server over real sockets on the loopback. */
import { createServer, type AddressInfo } from 'node:net';
import { decodeAsyncMessage } from '../../../iscsi/pdu/async-message.ts';
import { TargetOpcode } from '../../../iscsi/pdu/opcode.ts';
import { decodeReadyToTransfer } from '../../../iscsi/pdu/ready-to-transfer.ts';
import { decodeScsiResponse } from '../../../iscsi/pdu/scsi-response.ts';
import { IscsiServer, type ListenPortal } from '../../../iscsi/server.ts';
import type { Limits } from '../../../iscsi/session/limits.ts';
import { RealClock } from '../../../src/io/real-clock.ts';
import { RealRandom } from '../../../src/io/real-random.ts';
import { good, type FakeDeviceServer } from '../../fakes/fake-device-server.ts';
import {
  DISCOVERY,
  FakeDirectory,
  IDENTITY,
  INITIATOR,
  quiet,
  TARGET,
} from '../../initiator/joined.ts';
import { keysOf } from '../../initiator/scripted-initiator.ts';
import { SocketInitiator } from '../../initiator/socket-initiator.ts';

const ANY: ListenPortal = { host: '127.0.0.1', port: 0, advertised: null, portalGroupTag: 1 };

const running: IscsiServer[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function serve(
  limits: Partial<Limits> = {},
  portals: ListenPortal[] = [ANY],
): Promise<{ server: IscsiServer; device: FakeDeviceServer; ports: number[] }> {
  const directory = new FakeDirectory();
  const device = directory.add();
  const ports = { directory, clock: new RealClock(), random: new RealRandom(), log: quiet };
  const server = new IscsiServer({ ...ports, limits });
  running.push(server);
  const addresses = await server.listen(portals);
  return { server, device, ports: addresses.map(({ port }) => port) };
}

const host = (name: string): (readonly [string, string])[] => [
  ['InitiatorName', name],
  ['TargetName', TARGET],
];

/** Until the device server has the command that `send` sends. */
async function submitted(device: FakeDeviceServer, send: () => void): Promise<void> {
  const there = new Promise<void>((resolve) => {
    device.onSubmit = () => resolve();
  });
  send();
  await there;
}

describe('portals', () => {
  test('a session may come in on each, and is listed with both ends', async () => {
    const { server, ports } = await serve({}, [ANY, { ...ANY, host: '::1', portalGroupTag: 2 }]);
    const one = await SocketInitiator.to(ports[0]!);
    const two = await SocketInitiator.to(ports[1]!, '::1');
    expect(await one.loginAs(IDENTITY)).toBe(0);
    expect(await two.loginAs(host('iqn.2026-01.org.example:second'))).toBe(0);
    expect(server.sessions()).toEqual([
      {
        initiator: INITIATOR,
        target: TARGET,
        portal: `127.0.0.1:${ports[0]}`,
        peer: `127.0.0.1:${one.socket.localPort}`,
        isid: '00023d000001',
        tsih: 1,
        since: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown,
        luns: [0],
      },
      expect.objectContaining({ portal: `[::1]:${ports[1]}`, tsih: 2 }),
    ]);
    expect(server.sessionsOf(TARGET.toUpperCase())).toHaveLength(2);
    expect(server.sessionsOf('iqn.2026-01.org.example:other')).toEqual([]);
  });

  test('the address that is told is the one the connection came in on, IPv6 in brackets', async () => {
    const { ports } = await serve({}, [{ ...ANY, host: '::1', portalGroupTag: 7 }]);
    const initiator = await SocketInitiator.to(ports[0]!, '::1');
    await initiator.loginAs(DISCOVERY);
    initiator.text([['SendTargets', 'All']]);
    expect(keysOf((await initiator.next()).data)).toEqual([
      ['TargetName', TARGET],
      ['TargetAddress', `[::1]:${ports[0]},7`],
    ]);
  });

  test('when one can’t be had, none is kept', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(serve({}, [ANY, { ...ANY, port }])).rejects.toThrow('EADDRINUSE');
    other.close();
  });
});

describe('data', () => {
  test('goes through in both directions, whatever its size', async () => {
    const { device, ports } = await serve();
    const bytes = Uint8Array.from({ length: 3_000_001 }, (_, n) => n % 253);
    device.onSubmit = (task) => task.complete(good([bytes]));
    const initiator = await SocketInitiator.to(ports[0]!);
    await initiator.loginAs([...IDENTITY, ['MaxRecvDataSegmentLength', '65536']]);
    initiator.command({ readBytes: bytes.length });
    await initiator.until(() => initiator.received.at(-1)?.header[1] === 0x81);
    const came = Buffer.concat(initiator.take().map(({ data }) => data));
    expect(came.equals(bytes)).toBe(true);
  });

  test('of large writes side by side is each command’s own, in whatever pieces it comes', async () => {
    const { device, ports } = await serve();
    const bytes = 400_000;
    const dataOf = (itt: number): Buffer => Buffer.alloc(bytes, Uint8Array.of(itt, 1, 2, 3, 5));
    device.onSubmit = (task) => task.solicit(bytes, true);
    device.onArrived = (task) => {
      expect(Buffer.compare(task.dataOut, dataOf(task.tag))).toBe(0);
      task.giveBackData();
      task.complete(good([], bytes));
    };
    const initiator = await SocketInitiator.to(ports[0]!);
    await initiator.loginAs([...IDENTITY, ['InitialR2T', 'No'], ['MaxBurstLength', '200000']]);
    const tags = Array.from({ length: 6 }, () => initiator.command({ writeBytes: bytes }));
    while (device.arrived.length < tags.length) {
      const { opcode, header } = await initiator.next();
      if (opcode !== TargetOpcode.readyToTransfer) continue;
      const {
        itt,
        ttt,
        bufferOffset: at,
        desiredDataTransferLength,
      } = decodeReadyToTransfer(header);
      const fields = { ttt, dataSN: 0, bufferOffset: at, final: true };
      const data = dataOf(itt).subarray(at, at + desiredDataTransferLength);
      const pdu = initiator.held(() => initiator.dataOut(itt, fields, data));
      for (let from = 0; from < pdu.length; from += 70_001) {
        initiator.sendBytes(pdu.subarray(from, from + 70_001));
        await new Promise(setImmediate);
      }
    }
    expect(device.arrived.map(({ tag }) => tag)).toEqual(tags);
  });

  test('a reader that takes nothing is not buffered for', async () => {
    const { device, ports } = await serve({ maxTransferBytes: 1024 * 1024 });
    const bytes = new Uint8Array(512 * 1024);
    device.onSubmit = (task) => task.complete(good([bytes]));
    const initiator = await SocketInitiator.to(ports[0]!);
    await initiator.loginAs([...IDENTITY, ['MaxRecvDataSegmentLength', '262144']]);
    initiator.socket.pause();
    for (let n = 0; n < 100; n++) initiator.command({ readBytes: bytes.length });
    await new Promise((resolve) => setTimeout(resolve, 200));
    // What the kernel and the one batch in flight hold, and two commands' worth.
    expect(device.tasks.length).toBeLessThan(60);
    initiator.socket.resume();
    await initiator.until(
      () => initiator.received.filter(({ header }) => header[1] === 0x81).length === 100,
    );
    expect(device.tasks).toHaveLength(100);
  });
});

describe('bounds', () => {
  test('so many logins may be under way, and no more', async () => {
    const { ports } = await serve({ maxHalfOpenLogins: 2 });
    const first = await SocketInitiator.to(ports[0]!);
    await SocketInitiator.to(ports[0]!);
    const third = await SocketInitiator.to(ports[0]!);
    await third.untilClosed();
    expect(await first.loginAs(IDENTITY)).toBe(0);
    const fourth = await SocketInitiator.to(ports[0]!);
    expect(await fourth.loginAs(host('iqn.2026-01.org.example:fourth'))).toBe(0);
  });

  test('a login that takes too long is cut off', async () => {
    const { ports } = await serve({ loginTimeoutMs: 50 });
    const initiator = await SocketInitiator.to(ports[0]!);
    await initiator.untilClosed();
  });

  test('noise ends its connection and nothing else', async () => {
    const { ports } = await serve();
    const steady = await SocketInitiator.to(ports[0]!);
    await steady.loginAs(IDENTITY);
    const noisy = await SocketInitiator.to(ports[0]!);
    noisy.sendBytes(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(10)));
    await noisy.untilClosed();
    steady.nop();
    expect((await steady.next()).opcode).toBe(0x20);
  });
});

describe('dropping', () => {
  test('the sessions of a target are told and closed', async () => {
    const { server, ports } = await serve();
    const initiator = await SocketInitiator.to(ports[0]!);
    await initiator.loginAs(IDENTITY);
    server.dropSessionsOf(TARGET);
    expect(decodeAsyncMessage((await initiator.next()).header).event).toBe(3);
    await initiator.untilClosed();
    expect(server.sessions()).toEqual([]);
  });
});

describe('draining', () => {
  test('initiators are asked to log out; who does is done', async () => {
    const { server, ports } = await serve();
    const initiator = await SocketInitiator.to(ports[0]!);
    await initiator.loginAs(IDENTITY);
    const drained = server.drain(5000);
    const message = decodeAsyncMessage((await initiator.next()).header);
    expect(message).toMatchObject({ event: 1, parameter3: 5 });
    initiator.logout(0);
    expect((await initiator.next()).opcode).toBe(0x26);
    await drained;
    await expect(SocketInitiator.to(ports[0]!)).rejects.toThrow('ECONNREFUSED');
  });

  test('a running command is let finish', async () => {
    const { server, device, ports } = await serve();
    const initiator = await SocketInitiator.to(ports[0]!);
    await initiator.loginAs(IDENTITY);
    await submitted(device, () => initiator.command({ readBytes: 512 }));
    const drained = server.drain(400);
    expect((await initiator.next()).opcode).toBe(0x32);
    setTimeout(() => device.tasks[0]!.complete(good()), 250);
    const response = await initiator.next();
    expect(decodeScsiResponse(response.header).status).toBe(0);
    await drained;
  });

  test('one that does nothing is dropped when the time is over', async () => {
    const { server, device, ports } = await serve();
    const initiator = await SocketInitiator.to(ports[0]!);
    await initiator.loginAs(IDENTITY);
    await submitted(device, () => initiator.command({ readBytes: 512 }));
    await server.drain(100);
    expect(device.tasks[0]!.aborted).toBe(true);
    await initiator.untilClosed();
  });
});
