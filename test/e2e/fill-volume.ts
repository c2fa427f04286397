import { GOOD, testUnitReady, write } from '../initiator/block-commands.ts';
import { portalOf, TcpInitiator } from '../initiator/tcp-initiator.ts';
import { UNIT_BYTES, WriteOracle } from '../initiator/write-oracle.ts';
import type { Scale } from '../peers/scale.ts';

const COMMAND_UNITS = 256;
const COMMANDS_IN_FLIGHT = 8;
/** A version of the oracle's whose content is found nowhere else. */
const UNIQUE = 2;

/** Makes a volume and writes it full of data that nothing else has, by seed; nothing is shared and
 * nothing compressed. */
export async function fillVolume(
  scale: Scale,
  name: string,
  { mebibytes, seed }: { mebibytes: number; seed: number },
): Promise<void> {
  const plain = ['--dedup', 'off', '--compression', 'off'];
  const volume = await scale.createVolume(name, '--size', `${String(mebibytes)}M`, ...plain);
  const initiator = await TcpInitiator.open(portalOf(volume.iscsiUrl));
  while ((await initiator.execute(testUnitReady())).status !== GOOD);
  const units = (mebibytes << 20) / UNIT_BYTES;
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
