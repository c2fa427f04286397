/**
 * Conversations that once led to an answer which none before had led to: what one connection sent,
 * a file each in `corpus/`, a PDU (or what was left of it) a line in hexadecimal. They are replayed
 * as they are, and damaged further.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TargetOpcode } from '../../iscsi/pdu/opcode.ts';
import type { ReceivedPdu } from '../initiator/wire-format.ts';

const FOLDER = join(import.meta.dirname, 'corpus');
const MOST_KEPT_BYTES = 6000;

export type Conversation = readonly Uint8Array[];

export class Corpus {
  readonly conversations: Conversation[] = [];
  readonly #known = new Set<string>();

  static load(): Corpus {
    const corpus = new Corpus();
    for (const name of readdirSync(FOLDER)
      .filter((file) => file.endsWith('.hex'))
      .sort()) {
      const lines = readFileSync(join(FOLDER, name), 'utf8').trim().split('\n');
      corpus.conversations.push(lines.map((line) => new Uint8Array(Buffer.from(line, 'hex'))));
      corpus.#known.add(name.slice(0, -'.hex'.length));
    }
    return corpus;
  }

  /** Keeps what was sent until the first answer that is new; only with `FUZZ_KEEP=1`. */
  consider(sent: Conversation, answer: ReceivedPdu): void {
    const outcome = outcomeOf(answer);
    if (process.env['FUZZ_KEEP'] !== '1' || this.#known.has(outcome)) return;
    if (sent.reduce((sum, { length }) => sum + length, 0) > MOST_KEPT_BYTES) return;
    this.#known.add(outcome);
    this.conversations.push([...sent]);
    mkdirSync(FOLDER, { recursive: true });
    const lines = sent.map((bytes) => `${Buffer.from(bytes).toString('hex')}\n`);
    writeFileSync(join(FOLDER, `${outcome}.hex`), lines.join(''));
  }
}

/** What kind of answer it is, as a file's name: `sense-5-24-00`, `login-0207`, `reject-04`. */
function outcomeOf({ opcode, header, data }: ReceivedPdu): string {
  const hex = (bytes: Uint8Array, at: number): string =>
    (bytes[at] ?? 0).toString(16).padStart(2, '0');
  switch (opcode) {
    case TargetOpcode.scsiResponse: {
      const sense = data.subarray(2);
      if (header[3] !== 2) return `status-${hex(header, 2)}-${hex(header, 3)}`;
      const isFixed = ((sense[0] ?? 0) & 0x7e) === 0x70;
      const [key, code, qualifier] = isFixed ? [2, 12, 13] : [1, 2, 3];
      return `sense-${(sense[key] ?? 0) & 15}-${hex(sense, code)}-${hex(sense, qualifier)}`;
    }
    case TargetOpcode.loginResponse:
      return `login-${hex(header, 36)}${hex(header, 37)}`;
    case TargetOpcode.taskManagementResponse:
    case TargetOpcode.logoutResponse:
    case TargetOpcode.reject:
      return `pdu-${opcode.toString(16)}-${hex(header, 2)}`;
    default:
      return `pdu-${opcode.toString(16)}`;
  }
}
