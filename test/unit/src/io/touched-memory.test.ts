import { TouchedMemory } from '../../../../src/io/touched-memory.ts';

test('memory that is touched is all zeroes, in a later turn', async () => {
  const bytes = new Uint8Array(3 * 1024 * 1024);
  let isDone = false;
  await new Promise<void>((resolve) => {
    new TouchedMemory().touch(bytes, () => {
      isDone = true;
      resolve();
    });
    expect(isDone).toBe(false);
  });
  expect(bytes.every((byte) => byte === 0)).toBe(true);
});
