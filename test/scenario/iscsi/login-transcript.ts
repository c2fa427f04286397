/**
 * Login transcripts: what an initiator says and what the target must answer, one PDU a line.
 *
 *   > 1>3 T InitiatorName=iqn.i SessionType=Discovery
 *   < 1>3 T 0000 MaxRecvDataSegmentLength=262144
 *
 * Stages as `current` or `current>next`, then T and C where they are set, the status of a response,
 * and the keys. A value `*` stands for any; an answer's keys are compared in order, all of them.
 */
import { decodeLoginResponse } from '../../../iscsi/pdu/login-response.ts';
import { TargetOpcode } from '../../../iscsi/pdu/opcode.ts';
import type { Joined } from '../../initiator/joined.ts';
import { keysOf, type Keys } from '../../initiator/scripted-initiator.ts';

interface Line {
  readonly stages: string;
  readonly flags: string;
  readonly status: string;
  readonly keys: Keys;
}

function parse(line: string): Line {
  const [stages = '', ...words] = line.trim().split(/ +/);
  const flags = words.filter((word) => word === 'T' || word === 'C').join('');
  const status = words.find((word) => /^[0-9a-f]{4}$/.test(word)) ?? '';
  const keys = words
    .filter((word) => word.includes('='))
    .map((word): [string, string] => [
      word.slice(0, word.indexOf('=')),
      word.slice(word.indexOf('=') + 1),
    ]);
  return { stages, flags, status, keys };
}

function answerOf(link: Joined): Line {
  const pdus = link.initiator.take();
  expect(pdus).toHaveLength(1);
  const { opcode, header, data } = pdus[0]!;
  expect(opcode).toBe(TargetOpcode.loginResponse);
  const { currentStage, nextStage, transit, continues, status } = decodeLoginResponse(header);
  return {
    stages: transit ? `${currentStage}>${nextStage}` : String(currentStage),
    flags: (transit ? 'T' : '') + (continues ? 'C' : ''),
    status: status.toString(16).padStart(4, '0'),
    keys: keysOf(data),
  };
}

export function play(link: Joined, transcript: string): void {
  for (const raw of transcript.trim().split('\n')) {
    const text = raw.trim();
    if (text.startsWith('#') || text === '') continue;
    const line = parse(text.slice(1));
    if (text.startsWith('>')) {
      const [currentStage = 0, nextStage = 0] = line.stages.split('>').map(Number);
      link.initiator.loginRequest(
        {
          currentStage,
          nextStage,
          transit: line.flags.includes('T'),
          continues: line.flags.includes('C'),
        },
        line.keys,
      );
    } else {
      const answer = answerOf(link);
      const seen = answer.keys.map(([key, value], index): [string, string] => [
        key,
        line.keys[index]?.[1] === '*' ? '*' : value,
      ]);
      expect({ ...answer, keys: seen }).toEqual(line);
    }
  }
}
