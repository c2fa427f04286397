/** A pool that initiators fill to its end: what they are told, what goes on, and how it comes back. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answerOf, SPACE_ALLOCATION_FAILED } from '../initiator/answers.ts';
import { read, testUnitReady, unmap, write } from '../initiator/block-commands.ts';
import { portalOf, TcpInitiator } from '../initiator/tcp-initiator.ts';
import type { Command } from '../initiator/tcp-initiator.ts';
import { run } from '../peers/command.ts';
import { SCALE, Scale } from '../peers/scale.ts';

const PIECE_BYTES = 1 << 20;
const BLOCKS_PER_PIECE = PIECE_BYTES / 512;
const PIECES = 256;
/** Pieces: with what the metadata's own log takes on a pool as small as this. */
const GIVEN_BACK = 32;
const SOFT_THRESHOLD = '6/38/07';

let folder: string;
let scale: Scale;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-full-'));
  const disk = `${join(folder, 'disk')},size=256M`;
  scale = await Scale.start({ dataDirectory: join(folder, 'data'), args: ['--disk', disk] });
}, 60_000);
afterAll(async () => {
  await scale.kill();
  await rm(folder, { recursive: true, force: true });
});

test('a full pool answers 7/27/07, keeps what it took, and takes writes again after UNMAP', async () => {
  const { iscsiUrl } = await scale.createVolume('thin', '--size', `${PIECES}M`);
  const initiator = await TcpInitiator.open(portalOf(iscsiUrl));
  const attentions: string[] = [];
  const answer = (command: Command): Promise<string> => answerOf(initiator, command, attentions);
  await answer(testUnitReady());
  const content: Buffer[] = [];
  let refusal = 'good';
  while (refusal === 'good' && content.length < PIECES) {
    const bytes = randomBytes(PIECE_BYTES);
    refusal = await answer(write(content.length * BLOCKS_PER_PIECE, bytes));
    if (refusal === 'good') content.push(bytes);
  }
  expect(refusal).toBe(SPACE_ALLOCATION_FAILED);
  expect(content.length).toBeGreaterThan(60);
  expect(attentions.filter((sense) => sense === SOFT_THRESHOLD)).toHaveLength(1);

  expect(await answer(unmap(0, GIVEN_BACK * PIECE_BYTES))).toBe('good');
  content.fill(Buffer.alloc(PIECE_BYTES), 0, GIVEN_BACK);
  for (let round = 0; round < 60; round++) {
    const piece = GIVEN_BACK + ((round * 37) % (content.length - GIVEN_BACK));
    const bytes = randomBytes(PIECE_BYTES);
    expect([round, await answer(write(piece * BLOCKS_PER_PIECE, bytes))]).toEqual([round, 'good']);
    content[piece] = bytes;
  }
  for (const [piece, bytes] of content.entries()) {
    const { data } = await initiator.execute(read(piece * BLOCKS_PER_PIECE, PIECE_BYTES));
    expect([piece, data.equals(bytes)]).toEqual([piece, true]);
  }
  initiator.close();
}, 120_000);

test('a scrub of it finds nothing', async () => {
  const args = ['pool', 'scrub', '--wait', '--json', '--api', scale.apiUrl];
  const { code, stdout } = await run(SCALE, args, { timeoutMs: 60_000 });
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { state: 'finished', problems: 0 }]);
}, 70_000);
