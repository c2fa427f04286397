/**
 * Bytes of iSCSI connections: what libiscsi sent to another target (test/golden), and what a
 * scripted initiator sends, damaged and cut anywhere. Nothing is thrown, and when the connection is
 * gone no session, no task and no transfer is left.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IDENTITY, openAccess, World, type Joined } from '../../initiator/joined.ts';
import { OPERATIONAL, ScriptedInitiator } from '../../initiator/scripted-initiator.ts';
import { MemoryDevice } from '../../memory-device.ts';
import type { Prng } from '../../sim/prng.ts';
import { newTarget } from '../../unit/iscsi/scsi/host.ts';
import { mutate, noise } from '../mutate.ts';
import { must, type FuzzCase, type Surface } from '../surface.ts';
import { sendAnything } from '../conversation.ts';

const BLOCKS = 2048;
const TRANSFERS_BYTES = 1 << 20;
const GOLDEN_TARGET = 'iqn.2026-01.org.example:tgt';
const GOLDEN = join(import.meta.dirname, '..', '..', 'golden');

interface GoldenPdu {
  readonly direction: 'initiator' | 'target';
  readonly hex: string;
}

/** What one initiator sent, PDU by PDU. */
type Conversation = readonly Uint8Array[];

function goldenConversations(): Conversation[] {
  const names = readdirSync(GOLDEN).filter((name) => name.endsWith('.json'));
  return names.map((name) => {
    const pdus = JSON.parse(readFileSync(join(GOLDEN, name), 'utf8')) as GoldenPdu[];
    return pdus
      .filter(({ direction }) => direction === 'initiator')
      .map(({ hex }) => new Uint8Array(Buffer.from(hex, 'hex')));
  });
}

/** A target over a device that answers late when it likes, and one connection to it. */
class Server {
  readonly world = new World({ maxTransferBytes: 1 << 16, maxTotalTransferBytes: TRANSFERS_BYTES });
  readonly device = new MemoryDevice({ blocks: BLOCKS });
  readonly link: Joined;
  readonly #random: Prng;

  constructor(random: Prng, iqn: string) {
    this.#random = random;
    const target = newTarget();
    target.mapLun(0, this.device);
    target.mapLun(1, this.device);
    const secret = new TextEncoder().encode('a secret of some length');
    const chap = { user: 'alice', secret };
    const access = random.chance(0.3) ? { ...openAccess, chap, mutualChap: chap } : openAccess;
    const names = { iqn, alias: 'disk', redirect: null };
    this.world.directory.targets.push({ ...names, access, device: target, luns: () => [0, 1] });
    this.link = this.world.connect();
  }

  /** In pieces of any size. */
  deliver(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const end = this.#random.chance(0.5) ? bytes.length : at + this.#random.between(1, 64);
      this.link.arrive(bytes.subarray(at, end));
      at = end;
    }
  }

  /** The rest of the world: a device that lags, a reader that is slow, time. */
  stir(): void {
    const random = this.#random;
    if (random.chance(0.1)) this.device.holding = !this.device.holding;
    if (random.chance(0.2)) this.device.release();
    if (random.chance(0.05)) this.link.slow = true;
    if (random.chance(0.1)) this.link.takeAll();
    if (random.chance(0.02)) this.world.clock.advance(20_000);
    this.world.clock.settle();
  }

  end(): void {
    this.link.cut();
    this.device.holding = false;
    this.device.release();
    this.world.clock.settle();
    must(this.world.registry.size === 0, 'a session is left behind its connection');
    must(this.world.transfers.fits(TRANSFERS_BYTES), 'a transfer is left behind its connection');
  }
}

function replay(random: Prng, conversation: Conversation): void {
  const server = new Server(random, GOLDEN_TARGET);
  // What comes back is not looked at: a damaged login may have negotiated anything.
  server.link.initiator.receive = () => undefined;
  const rate = random.pick([0.05, 0.3, 1]);
  for (const pdu of conversation) {
    const sent = random.chance(rate) ? mutate(random, pdu) : pdu;
    server.deliver(sent);
    if (random.chance(0.05)) server.deliver(noise(random, 200));
    server.stir();
  }
  server.end();
}

function session(random: Prng): void {
  const server = new Server(random, 'iqn.2026-01.org.example:disk');
  const { link } = server;
  const digest = random.pick(['None', 'CRC32C']);
  const keys = OPERATIONAL.filter(([key]) => !key.endsWith('Digest'));
  link.initiator.login(IDENTITY, [...keys, ['HeaderDigest', digest], ['DataDigest', digest]]);
  const rate = random.pick([0, 0.1, 0.5]);
  const sender = new ScriptedInitiator((bytes) => {
    server.deliver(random.chance(rate) ? mutate(random, bytes) : bytes);
  });
  Object.assign(sender.unframer.digests, link.initiator.unframer.digests);
  sender.cmdSN = link.initiator.cmdSN;
  for (let steps = random.between(5, 40); steps > 0; steps--) {
    sendAnything(random, sender, link.initiator.received);
    server.stir();
  }
  server.end();
}

export const connectionSurface: Surface = {
  name: 'connection',
  share: 1,
  load: () => {
    const conversations = goldenConversations();
    const run: FuzzCase = (random) => {
      if (random.chance(0.5)) replay(random, random.pick(conversations));
      else session(random);
    };
    return Promise.resolve(run);
  },
};
