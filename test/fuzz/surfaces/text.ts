/** Text of logins and of text requests: keys, or a ProtocolError; what was understood says the same
 * when it is written and read again. */
import { ProtocolError } from '../../../iscsi/pdu/protocol-error.ts';
import { encodeTextKeys, parseNumber, parseTextKeys } from '../../../iscsi/login/text-keys.ts';
import { IDENTITY } from '../../initiator/joined.ts';
import { OPERATIONAL, textOf } from '../../initiator/scripted-initiator.ts';
import type { Prng } from '../../sim/prng.ts';
import { mutate, noise } from '../mutate.ts';
import { must, type Surface } from '../surface.ts';

const VALID = textOf([...IDENTITY, ...OPERATIONAL, ['CHAP_C', `0x${'5a'.repeat(64)}`]]);

function one(random: Prng): void {
  const bytes = random.chance(0.2) ? noise(random, 400) : mutate(random, VALID);
  let keys;
  try {
    keys = parseTextKeys(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return;
    throw error;
  }
  for (const { value } of keys) {
    const number = parseNumber(value);
    must(number === null || Number.isSafeInteger(number), `'${value}' is no exact number`);
  }
  const again = parseTextKeys(encodeTextKeys(keys));
  must(JSON.stringify(again) === JSON.stringify(keys), 'text changes when it is written again');
}

export const textSurface: Surface = {
  name: 'text',
  share: 20,
  load: () => Promise.resolve(one),
};
