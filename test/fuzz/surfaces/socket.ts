/**
 * Whole conversations over real sockets: one to three initiators at once, sound, damaged or out of
 * the corpus, that log in, send anything, and leave in any manner. Nothing is thrown; when they are
 * gone so are their sessions, and the next host is served at once.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ScsiTarget } from '../../../iscsi/scsi/scsi-target.ts';
import { IscsiServer } from '../../../iscsi/server.ts';
import type { Target } from '../../../iscsi/target/directory.ts';
import { TargetOpcode } from '../../../iscsi/pdu/opcode.ts';
import { RealClock } from '../../../src/io/real-clock.ts';
import { RealRandom } from '../../../src/io/real-random.ts';
import { IDENTITY, openAccess, quiet, TARGET } from '../../initiator/joined.ts';
import { OPERATIONAL, ScriptedInitiator } from '../../initiator/scripted-initiator.ts';
import { SocketInitiator } from '../../initiator/socket-initiator.ts';
import { MemoryDevice } from '../../memory-device.ts';
import { until } from '../../peers/command.ts';
import { Prng } from '../../sim/prng.ts';
import { newUnits } from '../../unit/iscsi/scsi/host.ts';
import { sendAnything } from '../conversation.ts';
import { Corpus } from '../corpus.ts';
import { mutate, noise } from '../mutate.ts';
import { must, type Surface } from '../surface.ts';

const BLOCKS = 2048;
const PATIENCE_MS = 10_000;
const HOST = 'iqn.2026-01.org.example:next-host';

async function serve(): Promise<{ server: IscsiServer; port: number }> {
  const device = new ScsiTarget(newUnits());
  const disk = new MemoryDevice({ blocks: BLOCKS });
  device.mapLun(0, disk);
  device.mapLun(1, disk);
  const names = { iqn: TARGET, alias: 'disk', redirect: null };
  const target: Target = { ...names, access: openAccess, device, luns: () => device.luns() };
  const directory = {
    ready: true,
    find: (name: string) => (name === TARGET ? target : null),
    list: () => [target],
    portals: () => [],
  };
  const ports = { directory, clock: new RealClock(), random: new RealRandom(), log: quiet };
  const server = new IscsiServer(ports);
  const place = { host: '127.0.0.1', port: 0, advertised: null, portalGroupTag: 1 };
  const [address] = await server.listen([place]);
  return { server, port: address?.port ?? 0 };
}

/** One connection. All that it draws on is its own, so that the others' pace changes nothing. */
class Peer {
  readonly #random: Prng;
  readonly #corpus: Corpus;
  readonly #socket: Socket;
  readonly #sent: Uint8Array[] = [];
  readonly #initiator: ScriptedInitiator;
  /** How many of what it sends is damaged; 0 until the login is through. */
  #damageRate = 0;
  #answers = 0;

  private constructor(random: Prng, corpus: Corpus, socket: Socket) {
    this.#random = random;
    this.#corpus = corpus;
    this.#socket = socket;
    this.#initiator = new ScriptedInitiator((bytes) => this.#send(bytes));
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
  }

  static async meet(random: Prng, corpus: Corpus, port: number): Promise<Peer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Peer(random, corpus, socket);
  }

  async talk(): Promise<void> {
    const random = this.#random;
    this.#damageRate = random.pick([0, 0, 0.1, 0.5]);
    const { conversations } = this.#corpus;
    if (conversations.length > 0 && random.chance(0.4)) {
      for (const pdu of random.pick(conversations)) {
        this.#send(pdu);
        if (random.chance(0.5)) await nextTurn();
      }
    } else await this.#improvise();
    await this.#leave();
  }

  async #improvise(): Promise<void> {
    const random = this.#random;
    const rate = this.#damageRate;
    if (random.chance(0.8)) this.#damageRate = 0;
    this.#initiator.isid = `00023d0000${random.between(16, 32).toString(16)}`;
    this.#initiator.loginRequest({ transit: true, nextStage: 3 }, [...IDENTITY, ...OPERATIONAL]);
    for (let turns = 0; turns < 50 && this.#answers === 0; turns++) await nextTurn();
    this.#damageRate = rate;
    for (let steps = random.between(1, 30); steps > 0 && !this.#socket.destroyed; steps--) {
      sendAnything(random, this.#initiator, this.#initiator.received);
      if (random.chance(0.02)) this.#socket.pause();
      if (random.chance(0.5)) await nextTurn();
    }
  }

  async #leave(): Promise<void> {
    const random = this.#random;
    if (random.chance(0.3)) this.#initiator.logout(random.below(3));
    if (random.chance(0.7)) await nextTurn();
    if (random.chance(0.2)) this.#socket.write(noise(random, 200));
    if (random.chance(0.3)) this.#socket.end();
    await nextTurn();
    if (!this.#socket.destroyed) this.#socket.resetAndDestroy();
  }

  #send(bytes: Uint8Array): void {
    const random = this.#random;
    const sent = random.chance(this.#damageRate) ? mutate(random, bytes) : bytes;
    if (this.#socket.destroyed || sent.length === 0) return;
    this.#sent.push(sent);
    const cut = random.chance(0.2) ? random.below(sent.length) : sent.length;
    this.#socket.write(sent.subarray(0, cut));
    if (cut < sent.length) this.#socket.write(sent.subarray(cut));
  }

  #receive(bytes: Uint8Array): void {
    const before = this.#initiator.received.length;
    try {
      this.#initiator.receive(bytes);
    } catch {
      // A damaged login may have negotiated digests that this side knows nothing of.
      this.#socket.destroy();
    }
    for (const pdu of this.#initiator.received.slice(before)) {
      this.#answers++;
      this.#corpus.consider(this.#sent, pdu);
    }
  }
}

/** A sound host that comes afterwards: it is let in, and each of its commands is answered. */
async function nextHost(port: number): Promise<void> {
  const host = await SocketInitiator.to(port);
  const names: [string, string][] = [
    ['InitiatorName', HOST],
    ['TargetName', TARGET],
  ];
  must((await host.loginAs([...names, ...OPERATIONAL])) === 0, 'the next host is not let in');
  host.command({ cdb: new Uint8Array(6) });
  host.command({ cdb: Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), readBytes: 512 });
  host.nop({ data: Uint8Array.of(1, 2, 3) });
  const answers = new Set<number>();
  while (!(answers.has(TargetOpcode.nopIn) && answers.has(TargetOpcode.scsiResponse))) {
    answers.add((await host.next()).opcode);
  }
  host.socket.resetAndDestroy();
}

export const socketSurface: Surface = {
  name: 'socket',
  share: 1,
  load: () => {
    const corpus = Corpus.load();
    return Promise.resolve(async (random) => {
      const { server, port } = await serve();
      try {
        const peers = Array.from({ length: random.between(1, 3) }, () =>
          Peer.meet(new Prng(random.uint32(), 'peer'), corpus, port),
        );
        await Promise.all((await Promise.all(peers)).map((peer) => peer.talk()));
        await noSessions(server, 'a session is left behind its connection');
        await nextHost(port);
        await noSessions(server, "the next host's session is left");
      } finally {
        await server.close();
      }
    });
  },
};

const noSessions = (server: IscsiServer, what: string): Promise<true> =>
  until(what, PATIENCE_MS, () => server.sessions().length === 0 || undefined);
