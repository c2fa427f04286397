import { SegmentTable } from '../../../../pool/log/segment-table.ts';

const RECORD_BYTES = 4160;

test('a segment that a replay empties, and then fills again, lives', () => {
  const table = new SegmentTable(8);
  const facts = { disk: 0, bytes: 65_536, liveBytes: RECORD_BYTES, liveChunks: 1 };
  for (const number of [6, 7]) table.restore({ number, ...facts });
  const segment = table.get(7)!;
  for (const number of [6, 7]) table.chunkGone(number, RECORD_BYTES, 3);
  table.chunkPlaced(segment, RECORD_BYTES);
  table.logEnded(3);
  expect(table.takeReusable(3).map(({ number }) => number)).toEqual([6]);
  table.chunkGone(7, RECORD_BYTES, 4);
  expect(table.takeReusable(4)).toEqual([segment]);
});
