/** Framing of a byte stream into PDUs [RFC 7143 §11.1], in pieces of any size, with digests. */
import fc from 'fast-check';
import { opcodeOf } from '../../../../iscsi/pdu/basic-header.ts';
import { InitiatorOpcode } from '../../../../iscsi/pdu/opcode.ts';
import { PduReceiver, type IncomingPdu, type PduSink } from '../../../../iscsi/pdu/pdu-receiver.ts';
import { DataBuffers } from '../../../../iscsi/session/data-buffers.ts';
import { ProtocolError } from '../../../../iscsi/pdu/protocol-error.ts';
import { frame, type Digests } from '../../../initiator/wire-format.ts';

interface Seen {
  readonly opcode: number;
  readonly ahs: string;
  readonly data: string;
  readonly damaged: boolean;
}

/** Keeps what it is given; of a Data-Out in pieces it takes the data where it says. */
class KeepingSink implements PduSink {
  readonly seen: Seen[] = [];
  #place: Uint8Array | null = null;

  place(pdu: IncomingPdu): Uint8Array {
    this.#place = new Uint8Array(pdu.dataBytes);
    return this.#place;
  }

  pduArrived(pdu: IncomingPdu): void {
    this.#keep(pdu, false);
  }

  dataDigestFailed(pdu: IncomingPdu): void {
    this.#keep(pdu, true);
  }

  #keep(pdu: IncomingPdu, damaged: boolean): void {
    const { header, at, ahsBytes, dataAt, dataBytes } = pdu;
    const data = pdu.placed ? this.#place! : pdu.data.subarray(dataAt, dataAt + dataBytes);
    this.seen.push({
      opcode: opcodeOf(header, at),
      ahs: Buffer.from(header.subarray(at + 48, at + 48 + ahsBytes)).toString('hex'),
      data: Buffer.from(data).toString('hex'),
      damaged,
    });
  }
}

const limits = { maxAhsBytes: 64, maxDataBytes: 4096 };

function receiver(digests: Digests): { sink: KeepingSink; receiver: PduReceiver } {
  const sink = new KeepingSink();
  const made = new PduReceiver(sink, { ...limits }, new DataBuffers(2 ** 20));
  made.headerDigest = digests.header;
  made.dataDigest = digests.data;
  return { sink, receiver: made };
}

const opcodes = [InitiatorOpcode.nopOut, InitiatorOpcode.scsiCommand, InitiatorOpcode.dataOut];

const pduArbitrary = fc.record({
  opcode: fc.constantFrom(...opcodes),
  ahs: fc.integer({ min: 0, max: 16 }).map((words) => new Uint8Array(4 * words).fill(words)),
  data: fc.uint8Array({ maxLength: 700 }),
});

describe('the receiver', () => {
  test('gives the same PDUs however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(pduArbitrary, { minLength: 1, maxLength: 6 }),
        fc.record({ header: fc.boolean(), data: fc.boolean() }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        (pdus, digests, cuts, inPlace) => {
          const stream = Buffer.concat(
            pdus.map(({ opcode, ahs, data }) =>
              frame((into) => (into[0] = opcode), { ahs, data, digests }),
            ),
          );
          const { sink, receiver: made } = receiver(digests);
          for (let at = 0, n = 0; at < stream.length; n++) {
            const awaited = inPlace ? made.awaited : null;
            const count = Math.min(cuts[n % cuts.length] ?? 1, awaited?.length ?? Infinity);
            const piece = stream.subarray(at, at + count);
            awaited?.set(piece);
            made.receive(awaited?.subarray(0, piece.length) ?? piece);
            at += count;
          }
          expect(sink.seen).toEqual(
            pdus.map(({ opcode, ahs, data }) => ({
              opcode,
              ahs: Buffer.from(ahs).toString('hex'),
              data: Buffer.from(data).toString('hex'),
              damaged: false,
            })),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test('says where the data that come next belong, and takes no copy of what lies there', () => {
    const { sink, receiver: made } = receiver({ header: false, data: false });
    const data = Uint8Array.from({ length: 20 }, (_, n) => n);
    const whole = frame((into) => (into[0] = InitiatorOpcode.dataOut), { data });
    made.receive(whole.subarray(0, 40));
    expect(made.awaited).toBeNull();
    made.receive(whole.subarray(40, 53));
    expect(made.awaited).toHaveLength(15);
    made.awaited!.set(data.subarray(5));
    const copied = jest.spyOn(Uint8Array.prototype, 'set');
    made.receive(made.awaited!.subarray(0, 7));
    expect(made.awaited).toHaveLength(8);
    made.receive(made.awaited!);
    expect(copied).not.toHaveBeenCalled();
    copied.mockRestore();
    expect(made.awaited).toBeNull();
    expect(sink.seen.map((pdu) => pdu.data)).toEqual([Buffer.from(data).toString('hex')]);
  });

  test('keeps no memory of a PDU that was handed on', () => {
    const { sink, receiver: made } = receiver({ header: false, data: false });
    const arrived = jest.spyOn(sink, 'pduArrived');
    const whole = frame((into) => (into[0] = InitiatorOpcode.nopOut), {
      data: new Uint8Array(600),
    });
    made.receive(whole.subarray(0, 100));
    made.receive(whole.subarray(100));
    expect(arrived.mock.lastCall?.[0].data).toHaveLength(0);
    expect(sink.seen.map(({ data }) => data.length)).toEqual([1200]);
  });

  test('finds any flipped bit under a digest [RFC 7143 §13.1]', () => {
    const digests = { header: true, data: true };
    const data = Uint8Array.from({ length: 37 }, (_, n) => n);
    const whole = frame((into) => (into[0] = InitiatorOpcode.nopOut), { data, digests });
    for (let bit = 0; bit < whole.length * 8; bit += 3) {
      const bytes = new Uint8Array(whole);
      // A longer header is waited for: its digest isn't there yet.
      if (bit >> 3 === 4) continue;
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const { sink, receiver: made } = receiver(digests);
      const inHeader = bit >> 3 < 52;
      if (inHeader) expect(() => made.receive(bytes)).toThrow(ProtocolError);
      else {
        made.receive(bytes);
        expect(sink.seen.map(({ damaged }) => damaged)).toEqual([true]);
      }
    }
  });

  test('never throws anything but a ProtocolError, nor holds more than its bounds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 20 }),
        fc.record({ header: fc.boolean(), data: fc.boolean() }),
        (chunks, digests) => {
          const { receiver: made } = receiver(digests);
          try {
            for (const chunk of chunks) made.receive(chunk);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test.each([
    ['additional header segments', 65],
    ['data', 4097],
  ])('refuses %s beyond the bound before any of it is held', (what, bytes) => {
    const { receiver: made } = receiver({ header: false, data: false });
    const header = new Uint8Array(48);
    if (what === 'data') header.set([bytes >> 16, (bytes >> 8) & 0xff, bytes & 0xff], 5);
    else header[4] = Math.ceil(bytes / 4);
    expect(() => made.receive(header)).toThrow(ProtocolError);
  });
});
