/**
 * Text requests in full feature phase [RFC 7143 §6.4, §11.10, Appendix C]: SendTargets, and
 * declarations that may come anew. One exchange at a time; a long answer goes out in parts, each
 * asked for with the Target Transfer Tag of the one before.
 */
import { answerInFullFeature } from '../login/negotiation.ts';
import { Answer } from '../login/negotiation-keys.ts';
import type { Parameters } from '../login/parameters.ts';
import { encodeTextKeys, parseTextKeys, TextAssembly, type TextKey } from '../login/text-keys.ts';
import { RESERVED_TAG } from '../pdu/fields.ts';
import { ProtocolError, rejected } from '../pdu/protocol-error.ts';
import { RejectReason } from '../pdu/reject.ts';
import type { TextRequest } from '../pdu/text-request.ts';
import type { TextResponse } from '../pdu/text-response.ts';
import { MAX_ANSWER_BYTES } from './output-batch.ts';

const EMPTY = new Uint8Array(0);

/** What SendTargets tells: null for a value that is none. */
export type SendTargets = (value: string) => TextKey[] | null;

export interface TextReply {
  readonly header: TextResponse;
  readonly text: Uint8Array;
}

export class TextExchange {
  readonly #parameters: Parameters;
  readonly #sendTargets: SendTargets;
  readonly #maxTextBytes: number;
  #assembly: TextAssembly;
  #rest: Uint8Array | null = null;
  #ttt = RESERVED_TAG;
  #nextTtt = 0;

  constructor(options: { parameters: Parameters; sendTargets: SendTargets; maxTextBytes: number }) {
    this.#parameters = options.parameters;
    this.#sendTargets = options.sendTargets;
    this.#maxTextBytes = options.maxTextBytes;
    this.#assembly = new TextAssembly(options.maxTextBytes);
  }

  request(pdu: TextRequest, data: Uint8Array): TextReply {
    if (pdu.ttt === RESERVED_TAG) this.#reset();
    else if (pdu.ttt !== this.#ttt) {
      throw rejected(RejectReason.invalidPduField, 'no text exchange has this tag');
    }
    if (pdu.final && pdu.continues) {
      throw rejected(RejectReason.protocolError, 'F and C in one request');
    }
    if (this.#rest !== null) return this.#reply(pdu, this.#rest);
    if (!this.#assembly.add(data)) {
      this.#reset();
      throw rejected(RejectReason.longOperationReject, 'text too long');
    }
    if (pdu.continues) return this.#reply(pdu, EMPTY);
    return this.#reply(pdu, encodeTextKeys(this.#answers(this.#assembly.take())));
  }

  #answers(text: Uint8Array): TextKey[] {
    let offers: TextKey[];
    try {
      offers = parseTextKeys(text);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw rejected(RejectReason.protocolError, error.message);
    }
    const seen = new Set<string>();
    return offers.flatMap((offer) => {
      if (seen.has(offer.key)) {
        throw rejected(RejectReason.protocolError, `${offer.key} is given twice`);
      }
      seen.add(offer.key);
      return this.#answer(offer);
    });
  }

  #answer(offer: TextKey): TextKey[] {
    const { key } = offer;
    if (key === 'SendTargets') {
      return this.#sendTargets(offer.value) ?? [{ key, value: Answer.reject }];
    }
    if (key === 'InitiatorAlias') return [];
    const value = answerInFullFeature(offer, this.#parameters);
    return value === null ? [] : [{ key, value }];
  }

  #reply(pdu: TextRequest, text: Uint8Array): TextReply {
    const { initiatorMaxRecvDataSegmentLength } = this.#parameters;
    const part = text.subarray(0, Math.min(initiatorMaxRecvDataSegmentLength, MAX_ANSWER_BYTES));
    this.#rest = part.length < text.length ? text.subarray(part.length) : null;
    const continues = this.#rest !== null;
    const final = pdu.final && !continues;
    this.#nextTtt = (this.#nextTtt + 1) & 0x7fff_ffff;
    this.#ttt = final ? RESERVED_TAG : this.#nextTtt;
    return { header: { final, continues, itt: pdu.itt, ttt: this.#ttt }, text: part };
  }

  #reset(): void {
    this.#assembly = new TextAssembly(this.#maxTextBytes);
    this.#rest = null;
    this.#ttt = RESERVED_TAG;
  }
}
