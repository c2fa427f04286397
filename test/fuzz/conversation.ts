/** What an initiator may say in full feature phase: anything, much of it sound. */
import { decodeReadyToTransfer } from '../../iscsi/pdu/ready-to-transfer.ts';
import { TargetOpcode } from '../../iscsi/pdu/opcode.ts';
import type { ScriptedInitiator } from '../initiator/scripted-initiator.ts';
import type { ReceivedPdu } from '../initiator/wire-format.ts';
import type { Prng } from '../sim/prng.ts';
import { noise } from './mutate.ts';
import { anyCommand } from './parameter-lists.ts';

/** Sends one PDU; `received` has the R2Ts that it may answer. */
export function sendAnything(
  random: Prng,
  sender: ScriptedInitiator,
  received: readonly ReceivedPdu[],
): void {
  if (random.chance(0.05)) sender.cmdSN += random.between(-2, 200);
  const bytes = random.pick([0, 1, 512, 4096, 9000, 100_000]);
  const data = noise(random, 9000);
  switch (random.below(8)) {
    case 0:
      sender.nop({ data, immediate: random.chance(0.5) });
      break;
    case 1:
      sender.text(data.subarray(0, 300), { final: random.chance(0.5) });
      break;
    case 2:
      sender.manage(random.below(12), { referencedTaskTag: random.below(sender.itt + 2) });
      break;
    case 3: {
      const r2t = received.findLast(({ opcode }) => opcode === TargetOpcode.readyToTransfer);
      const ttt = r2t === undefined ? random.uint32() : decodeReadyToTransfer(r2t.header).ttt;
      const at = { dataSN: random.below(3), bufferOffset: random.pick([0, 512, 4096, bytes]) };
      const itt = random.between(Math.max(1, sender.itt - 4), sender.itt);
      sender.dataOut(itt, { ttt, ...at, final: random.chance(0.5) }, data);
      break;
    }
    default:
      sendCommand(random, sender, bytes);
  }
}

/** `bytes`: how much it says that it moves, unless it sends a parameter list. */
function sendCommand(random: Prng, sender: ScriptedInitiator, bytes: number): void {
  const { cdb, dataOut } = anyCommand(random);
  const common = { cdb, immediate: random.chance(0.05), attribute: random.below(8) };
  if (random.chance(0.4)) sender.command({ ...common, readBytes: bytes });
  else {
    const writeBytes = random.chance(0.5) ? dataOut.length : bytes;
    sender.command({
      ...common,
      writeBytes,
      final: random.chance(0.8),
      ...(random.chance(0.8) ? { immediateData: dataOut.subarray(0, writeBytes) } : {}),
      ...(random.chance(0.05) ? { ahs: new Uint8Array(4 * random.below(90)) } : {}),
    });
  }
}
