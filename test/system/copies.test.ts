/** Copies that hosts leave to the target: over real sessions, between volumes of a real pool. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answerOf } from '../initiator/answers.ts';
import { read, write } from '../initiator/block-commands.ts';
import {
  blocks,
  copyIn,
  copyOut,
  cscdOf,
  lid1,
  populateList,
  writeList,
} from '../initiator/copy-lists.ts';
import { portalOf, TcpInitiator, type Command } from '../initiator/tcp-initiator.ts';
import { Scale } from '../peers/scale.ts';

const MEBIBYTE = 1 << 20;
const BLOCKS_PER_MEBIBYTE = MEBIBYTE / 512;
const PIECES = 8;
const TOKEN_AT = 38;

let folder: string;
let scale: Scale;
const content = Array.from({ length: PIECES }, () => randomBytes(MEBIBYTE));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-copies-'));
  scale = await Scale.start({ dataDirectory: join(folder, 'data') });
}, 60_000);
afterAll(async () => {
  await scale.kill();
  await rm(folder, { recursive: true, force: true });
});

const cdbOf = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const out = (action: string, list: Uint8Array, listId = 0): Command => ({
  cdb: cdbOf(copyOut(action, list, listId)),
  dataOut: Buffer.from(list),
});

/** A volume in a target of its own, and a session there. */
async function disk(name: string, initiatorName?: string) {
  const { iscsiUrl } = await scale.createVolume(name, '--size', '1G', '--dedup', 'off');
  const portal = portalOf(iscsiUrl);
  const open = (): Promise<TcpInitiator> =>
    TcpInitiator.open(initiatorName === undefined ? portal : { ...portal, initiatorName });
  const initiator = await open();
  await answerOf(initiator, { cdb: Buffer.alloc(16) });
  const cdb = cdbOf('12 01 83 01 00 00');
  const { data } = await initiator.execute({ cdb, dataInLengthBytes: 256 });
  const cscd = cscdOf(data.subarray(8, 24), 512);
  return { initiator, cscd, open };
}

async function fill(initiator: TcpInitiator): Promise<void> {
  for (const [piece, bytes] of content.entries()) {
    expect(await answerOf(initiator, write(piece * BLOCKS_PER_MEBIBYTE, bytes))).toBe('good');
  }
}

async function expectContent(initiator: TcpInitiator, fromPiece: number): Promise<void> {
  for (const [piece, bytes] of content.entries()) {
    const lba = (fromPiece + piece) * BLOCKS_PER_MEBIBYTE;
    const { data } = await initiator.execute(read(lba, MEBIBYTE));
    expect([piece, data.equals(bytes)]).toEqual([piece, true]);
  }
}

const uniqueBytes = async (): Promise<number> =>
  (await scale.cli<{ uniqueBytes: number }>('pool', 'status')).uniqueBytes;

test('EXTENDED COPY between two targets and within a LUN stores nothing twice', async () => {
  const [from, to] = [await disk('from'), await disk('to')];
  await fill(from.initiator);
  const before = await uniqueBytes();
  const count = PIECES * BLOCKS_PER_MEBIBYTE;
  const across = lid1([from.cscd, to.cscd], [blocks(count, { from: 0, to: 1, lba: 0 })]);
  expect(await answerOf(to.initiator, out('00', across))).toBe('good');
  await expectContent(to.initiator, 0);
  const within = lid1([to.cscd], [blocks(count, { lba: 100 * BLOCKS_PER_MEBIBYTE })]);
  expect(await answerOf(to.initiator, out('00', within))).toBe('good');
  await expectContent(to.initiator, 100);
  expect(await uniqueBytes()).toBe(before);
  from.initiator.close();
  to.initiator.close();
}, 60_000);

test('a LUN where the initiator is not logged in is not there for its copies', async () => {
  const to = await disk('mine', 'iqn.2026-01.org.example:other');
  const hidden = await disk('theirs');
  const list = lid1([hidden.cscd, to.cscd], [blocks(8, { from: 0, to: 1 })]);
  expect(await answerOf(to.initiator, out('00', list))).toBe('10/0d/02');
  hidden.initiator.close();
  to.initiator.close();
});

test('a token copies what was there when it was made, and ends with its volume and process', async () => {
  const [from, to] = [await disk('read'), await disk('written')];
  await fill(from.initiator);
  const count = PIECES * BLOCKS_PER_MEBIBYTE;
  const populate = async (listId: number): Promise<Buffer> => {
    const made = out('10', populateList([[0, count]]), listId);
    expect(await answerOf(from.initiator, made)).toBe('good');
    const information = cdbOf(copyIn('07', listId, 'lid4'));
    const answer = await from.initiator.execute({ cdb: information, dataInLengthBytes: 1024 });
    return answer.data.subarray(TOKEN_AT, TOKEN_AT + 512);
  };
  const token = await populate(1);
  const overwritten = write(0, randomBytes(MEBIBYTE));
  expect(await answerOf(from.initiator, overwritten)).toBe('good');
  const before = await uniqueBytes();
  const copied = out('11', writeList(token, [[BLOCKS_PER_MEBIBYTE, count]]), 2);
  expect(await answerOf(to.initiator, copied)).toBe('good');
  await expectContent(to.initiator, 1);
  expect(await uniqueBytes()).toBe(before);

  from.initiator.close();
  await scale.cli('volume', 'delete', 'read', '--force');
  expect(await answerOf(to.initiator, copied)).toBe('5/23/06');
  await expectContent(to.initiator, 1);
  to.initiator.close();

  await scale.kill();
  scale = await Scale.start({ dataDirectory: join(folder, 'data') });
  const { iscsiUrl } = await scale.cli<{ iscsiUrl: string }>('volume', 'show', 'written');
  const again = await TcpInitiator.open(portalOf(iscsiUrl));
  expect(await answerOf(again, copied)).toBe('5/23/04');
  await expectContent(again, 1);
  again.close();
}, 60_000);
