/** Reads larger than a socket buffer, many at once: what waits for the socket must stay as it was. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GOOD, read, testUnitReady, write } from '../initiator/block-commands.ts';
import { SeededRandom } from '../initiator/random.ts';
import { portalOf, TcpInitiator } from '../initiator/tcp-initiator.ts';
import { Scale } from '../peers/scale.ts';

const MEBIBYTE = 1 << 20;
const BLOCKS_PER_MEBIBYTE = MEBIBYTE / 512;
const MEBIBYTES = 32;
const DEPTH = 8;
const ROUNDS = 20;

/** Every 512-byte block names itself, so a byte in the wrong place shows. */
function content(mebibyte: number): Buffer {
  const bytes = Buffer.alloc(MEBIBYTE, mebibyte);
  for (let at = 0; at < MEBIBYTE; at += 512) bytes.writeUInt32BE(mebibyte * MEBIBYTE + at, at);
  return bytes;
}

test('1 MiB reads, eight in flight, bring every byte to its place and all come to an end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'scale-large-'));
  const scale = await Scale.start({ dataDirectory: join(folder, 'data') });
  try {
    const { iscsiUrl } = await scale.createVolume('large', '--size', `${String(MEBIBYTES)}M`);
    const initiator = await TcpInitiator.open(portalOf(iscsiUrl));
    await initiator.execute(testUnitReady());
    for (let mebibyte = 0; mebibyte < MEBIBYTES; mebibyte++) {
      const command = write(mebibyte * BLOCKS_PER_MEBIBYTE, content(mebibyte));
      expect((await initiator.execute(command)).status).toBe(GOOD);
    }
    const random = new SeededRandom(1);
    const readOne = async (): Promise<void> => {
      for (let round = 0; round < ROUNDS; round++) {
        const mebibyte = random.below(MEBIBYTES);
        const command = read(mebibyte * BLOCKS_PER_MEBIBYTE, MEBIBYTE);
        const { status, data } = await initiator.execute(command);
        expect(status).toBe(GOOD);
        expect(data.equals(content(mebibyte))).toBe(true);
      }
    };
    await Promise.all(Array.from({ length: DEPTH }, readOne));
    initiator.close();
  } finally {
    await scale.kill();
    await rm(folder, { recursive: true });
  }
}, 45_000);
