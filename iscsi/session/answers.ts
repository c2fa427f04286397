/** The answers that a connection makes outside of SCSI commands, ready for the outbox. */
import { AsyncEvent, encodeAsyncMessage, type AsyncMessage } from '../pdu/async-message.ts';
import { encodeLoginResponse, type LoginResponse } from '../pdu/login-response.ts';
import { encodeLogoutResponse } from '../pdu/logout-response.ts';
import { encodeNopIn } from '../pdu/nop-in.ts';
import { RESERVED_TAG } from '../pdu/fields.ts';
import { encodeReject, type RejectReason } from '../pdu/reject.ts';
import { encodeSense } from '../pdu/scsi-response.ts';
import { encodeTextResponse } from '../pdu/text-response.ts';
import type { Answer } from './outbox.ts';
import type { TextReply } from './text-exchange.ts';

const EMPTY = new Uint8Array(0);
const NO_LUN = new Uint8Array(8);

export const rejectAnswer = (reason: RejectReason, header: Uint8Array): Answer => ({
  takesStatSN: true,
  data: header,
  encode: (numbering, into, at) => {
    encodeReject({ reason }, numbering, into, at);
  },
});

export const loginAnswer = (
  response: LoginResponse,
  text: Uint8Array,
  sent: () => void,
): Answer => ({
  takesStatSN: true,
  data: text,
  encode: (numbering, into, at) => {
    encodeLoginResponse(response, numbering, into, at);
  },
  sent,
});

export const textAnswer = ({ header, text }: TextReply, sent: () => void): Answer => ({
  takesStatSN: true,
  data: text,
  sent,
  encode: (numbering, into, at) => {
    encodeTextResponse(header, numbering, into, at);
  },
});

/** The echo of a NOP-Out. */
export const echoAnswer = (itt: number, lun: Uint8Array, data: Uint8Array): Answer => ({
  takesStatSN: true,
  data,
  encode: (numbering, into, at) => {
    encodeNopIn({ lun, itt, ttt: RESERVED_TAG }, numbering, into, at);
  },
});

/** A NOP-In that wants an answer; it consumes no StatSN [RFC 7143 §11.19.2]. */
export const pingAnswer = (ttt: number): Answer => ({
  takesStatSN: false,
  data: EMPTY,
  encode: (numbering, into, at) => {
    encodeNopIn({ lun: NO_LUN, itt: RESERVED_TAG, ttt }, numbering, into, at);
  },
});

export const logoutAnswer = (itt: number, response: number): Answer => ({
  takesStatSN: true,
  data: EMPTY,
  encode: (numbering, into, at) => {
    const pdu = { response, itt, time2Wait: 0, time2Retain: 0 };
    encodeLogoutResponse(pdu, numbering, into, at);
  },
});

const asyncAnswer = (pdu: AsyncMessage, data: Uint8Array): Answer => ({
  takesStatSN: true,
  data,
  encode: (numbering, into, at) => {
    encodeAsyncMessage(pdu, numbering, into, at);
  },
});

const nothing = { lun: NO_LUN, parameter1: 0, parameter2: 0, parameter3: 0 };

/** The target asks for a Logout within so many seconds. */
export const logoutRequestAnswer = (seconds: number): Answer =>
  asyncAnswer({ ...nothing, event: AsyncEvent.logoutRequested, parameter3: seconds }, EMPTY);

/** The target drops the session; it can be taken up again at once, as a new one. */
export const sessionDroppedAnswer = (): Answer =>
  asyncAnswer({ ...nothing, event: AsyncEvent.sessionDropped }, EMPTY);

/** UNIT ATTENTION, REPORTED LUNS DATA HAS CHANGED (3Fh/0Eh), fixed format [SPC-4 §4.5.3]. */
const lunsChangedSense = Uint8Array.of(
  0x70,
  0,
  0x06,
  0,
  0,
  0,
  0,
  10,
  0,
  0,
  0,
  0,
  0x3f,
  0x0e,
  0,
  0,
  0,
  0,
);

export const lunsChangedAnswer = (): Answer =>
  asyncAnswer({ ...nothing, event: AsyncEvent.scsi }, encodeSense(lunsChangedSense));
