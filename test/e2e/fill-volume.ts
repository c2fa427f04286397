/** Whole volumes, written and read through iSCSI. */
import { createHash } from 'node:crypto';
import { GOOD, read, testUnitReady, write } from '../initiator/block-commands.ts';
import { portalOf, TcpInitiator } from '../initiator/tcp-initiator.ts';
import { UNIT_BYTES, WriteOracle } from '../initiator/write-oracle.ts';
import type { Scale, Volume } from '../peers/scale.ts';

const COMMAND_UNITS = 256;
const COMMANDS_IN_FLIGHT = 8;
/** A version of the oracle's whose content is found nowhere else. */
const UNIQUE = 2;

/** Makes a volume and writes it full of data that no other seed has. With nothing said about its
 * dedup, nothing of it is shared. */
export async function fillVolume(
  scale: Scale,
  name: string,
  { mebibytes, seed, dedup = 'off' }: { mebibytes: number; seed: number; dedup?: string },
): Promise<void> {
  const plain = ['--dedup', dedup, '--compression', 'off'];
  const volume = await scale.createVolume(name, '--size', `${String(mebibytes)}M`, ...plain);
  const initiator = await openSession(scale, volume.iscsiUrl);
  const units = (mebibytes * 2 ** 20) / UNIT_BYTES;
  const content = new WriteOracle(units, seed);
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let unit = next; unit < units; unit = next) {
      next += COMMAND_UNITS;
      const data = content.contents(unit, COMMAND_UNITS, UNIQUE);
      const { status } = await initiator.execute(write(unit * (UNIT_BYTES / 512), data));
      if (status !== GOOD) throw new Error(`filling ${name}: status ${String(status)}`);
    }
  };
  await Promise.all(Array.from({ length: COMMANDS_IN_FLIGHT }, writer));
  initiator.close();
}

/** SHA-256 of all that a volume holds. */
export async function contentHash(scale: Scale, name: string): Promise<string> {
  const { iscsiUrl, sizeBytes } = await scale.cli<Volume>('volume', 'show', name);
  const initiator = await openSession(scale, iscsiUrl);
  const hash = createHash('sha256');
  const commandBytes = COMMAND_UNITS * UNIT_BYTES;
  for (let at = 0; at < sizeBytes; at += commandBytes) {
    const { status, data } = await initiator.execute(read(at / 512, commandBytes));
    if (status !== GOOD) throw new Error(`reading ${name}: status ${String(status)}`);
    hash.update(data);
  }
  initiator.close();
  return hash.digest('hex');
}

/** Without the unit attentions of a new session. The URL may be one of an earlier start. */
async function openSession(scale: Scale, iscsiUrl: string): Promise<TcpInitiator> {
  const initiator = await TcpInitiator.open({ ...portalOf(iscsiUrl), port: scale.portalPort });
  while ((await initiator.execute(testUnitReady())).status !== GOOD);
  return initiator;
}
