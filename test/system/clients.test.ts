/** Other people's initiators against `bin/scale serve`, as a user would start it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun, run } from '../peers/command.ts';
import { convertIn, convertOut, makeImage, sha256 } from '../peers/image.ts';
import { libiscsiSuite } from '../peers/libiscsi-suite.ts';
import { Scale, type Volume } from '../peers/scale.ts';
import { testWith } from './test-with.ts';

const MEBIBYTE = 1 << 20;
const IMAGE_BYTES = 64 * MEBIBYTE;

let folder: string;
let scale: Scale;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scale-clients-'));
  scale = await Scale.start({ dataDirectory: join(folder, 'data') });
}, 60_000);

afterAll(async () => {
  await scale.terminate();
  await rm(folder, { recursive: true });
}, 60_000);

describe('libiscsi', () => {
  let volume: Volume;

  beforeAll(async () => {
    volume = await scale.createVolume('libiscsi', '--size', '256M');
  });

  testWith('iscsi-ls')('iscsi-ls finds the target and the size of its LUN', async () => {
    const portal = `iscsi://127.0.0.1:${String(scale.portalPort)}`;
    const listed = await mustRun('iscsi-ls', ['-s', portal], { timeoutMs: 20_000 });
    expect(listed).toContain(volume.target);
    // iscsi-ls multiplies the last LBA, not the number of blocks, and rounds down.
    expect(listed).toMatch(/Lun:0 +Type:DIRECT_ACCESS \(Size:255M\)/);
  });

  testWith('iscsi-inq')('iscsi-inq reads the standard data and the designators', async () => {
    const standard = await mustRun('iscsi-inq', [volume.iscsiUrl], { timeoutMs: 20_000 });
    expect(standard).toMatch(/Peripheral Device Type: *DIRECT_ACCESS/i);
    const args = ['-e', '1', '-c', '131', volume.iscsiUrl];
    const designators = await mustRun('iscsi-inq', args, { timeoutMs: 20_000 });
    expect(designators).toMatch(/NAA/i);
  });

  testWith('iscsi-test-cu')(
    'its iSCSI family passes',
    async () => {
      const report = await libiscsiSuite(volume.iscsiUrl, ['iSCSI'], { timeoutMs: 100_000 });
      expect(report.failed).toEqual([]);
      expect(report.passed.length).toBeGreaterThan(10);
    },
    120_000,
  );

  testWith('iscsi-test-cu')(
    'its suites of the everyday commands pass; only WRITE SAME of zero blocks is skipped, WSNZ being 1',
    async () => {
      const commands = ['Inquiry', 'ModeSense6', 'Read10', 'Read16', 'ReadCapacity16', 'Unmap'];
      const more = ['Verify10', 'Write10', 'Write16', 'WriteSame10', 'WriteVerify16'];
      const suites = [...commands, ...more].map((name) => `SCSI.${name}`);
      const report = await libiscsiSuite(volume.iscsiUrl, suites, { timeoutMs: 100_000 });
      expect(report.failed).toEqual([]);
      expect(report.skipped.map(({ test }) => test)).toEqual(['WriteSame10.ZeroBlocks']);
      expect(report.passed.length).toBeGreaterThan(40);
    },
    120_000,
  );
});

describe('QEMU', () => {
  testWith('qemu-img', 'mke2fs')(
    'qemu-img writes a file-system image into the LUN and reads it back bit for bit',
    async () => {
      const volume = await scale.createVolume('image', '--size', String(IMAGE_BYTES));
      const [image, copy] = [join(folder, 'image.raw'), join(folder, 'copy.raw')];
      const tree = join(import.meta.dirname, '..', '..', 'node_modules', 'typescript', 'lib');
      await makeImage(image, IMAGE_BYTES, tree);
      await convertIn(image, volume.iscsiUrl);
      await convertOut(volume.iscsiUrl, copy);
      expect(await sha256(copy)).toBe(await sha256(image));
      await mustRun('e2fsck', ['-f', '-n', copy], { timeoutMs: 60_000 });
    },
    120_000,
  );

  testWith('qemu-io')(
    'qemu-io sees zeroes where it discarded and the pattern beside it',
    async () => {
      const volume = await scale.createVolume('discard', '--size', '64M');
      const steps = ['write -P 0xab 0 8M', 'discard 2M 2M', 'read -P 0xab 0 2M', 'read -P 0 2M 2M'];
      const commands = [...steps, 'read -P 0xab 4M 4M', 'flush'].flatMap((step) => ['-c', step]);
      const args = ['-f', 'raw', volume.iscsiUrl, ...commands];
      const { code, stdout } = await run('qemu-io', args, { timeoutMs: 60_000 });
      expect(stdout).not.toContain('verification failed');
      expect(code).toBe(0);
    },
    60_000,
  );
});
