/**
 * Full feature phase of one connection [RFC 7143 §4.2.5]: each PDU by its operation code. A normal
 * session has everything; a discovery session takes SendTargets and a Logout and refuses the rest
 * (§4.3).
 */
import type { Clock, Logger } from '../../src/base/ports.ts';
import type { LoginIdentity } from '../login/login.ts';
import type { Parameters } from '../login/parameters.ts';
import type { TextKey } from '../login/text-keys.ts';
import { isImmediate, opcodeOf } from '../pdu/basic-header.ts';
import { RESERVED_TAG } from '../pdu/fields.ts';
import { decodeLogoutRequest, LogoutReason } from '../pdu/logout-request.ts';
import { LogoutResponseCode } from '../pdu/logout-response.ts';
import { decodeNopOut } from '../pdu/nop-out.ts';
import { InitiatorOpcode } from '../pdu/opcode.ts';
import type { IncomingPdu } from '../pdu/pdu-receiver.ts';
import { closing, rejected } from '../pdu/protocol-error.ts';
import { RejectReason } from '../pdu/reject.ts';
import { decodeTextRequest } from '../pdu/text-request.ts';
import type { Nexus } from '../scsi/task.ts';
import { allTargets, oneTarget, type Asker } from '../target/discovery.ts';
import type { TargetDirectory } from '../target/directory.ts';
import { normalName } from '../target/iscsi-name.ts';
import {
  echoAnswer,
  logoutAnswer,
  lunsChangedAnswer,
  pingAnswer,
  rejectAnswer,
  textAnswer,
} from './answers.ts';
import type { CommandWindow } from './command-window.ts';
import { KeepAlive } from './keep-alive.ts';
import type { Limits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import { Session } from './session.ts';
import { TaskManagement } from './task-management.ts';
import { TextExchange } from './text-exchange.ts';
import type { TransferBudget } from './transfer-budget.ts';

export interface FullFeatureOptions {
  readonly identity: LoginIdentity;
  /** Null: a discovery session. */
  readonly nexus: Nexus | null;
  readonly parameters: Parameters;
  readonly window: CommandWindow;
  readonly outbox: Outbox;
  readonly directory: TargetDirectory;
  readonly asker: Asker;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: Limits;
  readonly transfers: TransferBudget;
  /** The initiator answers nothing. */
  readonly dead: () => void;
  /** A Logout: the session is to be ended, then `answer` sent and the connection closed. */
  readonly loggedOut: (answer: () => void) => void;
  readonly coldReset: (targetName: string) => void;
}

const EMPTY = new Uint8Array(0);

export class FullFeature {
  readonly #options: FullFeatureOptions;
  readonly #session: Session | null;
  readonly #taskManagement: TaskManagement | null = null;
  readonly #text: TextExchange;
  readonly #keepAlive: KeepAlive;
  /** The answer to a Text Request is not sent yet: there is one at a time [§11.10], as a few bytes ask for a
   * list of all targets. */
  #textWaits = false;
  #pingTag = 0;
  #end: { ended: boolean; readonly waiting: (() => void)[] } | null = null;

  constructor(options: FullFeatureOptions) {
    this.#options = options;
    const { identity, nexus, parameters, clock, limits } = options;
    const { target } = identity;
    this.#session =
      target === null || nexus === null
        ? null
        : new Session({ ...options, identity: { ...identity, target }, nexus });
    if (this.#session !== null) {
      const { nexus: own, device } = this.#session;
      this.#taskManagement = new TaskManagement(this.#session, () => {
        options.coldReset(own.targetName);
      });
      device.attach(own, { lunsChanged: () => this.#lunsChanged() });
    }
    const sendTargets = (value: string): TextKey[] | null => this.#sendTargets(value);
    this.#text = new TextExchange({ parameters, sendTargets, maxTextBytes: limits.maxTextBytes });
    this.#keepAlive = new KeepAlive({
      clock,
      intervalMs: limits.nopIntervalMs,
      timeoutMs: limits.nopTimeoutMs,
      ping: () => this.#ping(),
      dead: () => options.dead(),
    });
  }

  get isIdle(): boolean {
    return this.#session?.isIdle !== false;
  }

  /** More than one command is under way. */
  get isBusy(): boolean {
    return this.#session !== null && this.#session.tasks.size > 1;
  }

  alive(): void {
    this.#keepAlive.alive();
  }

  place(pdu: IncomingPdu): Uint8Array | null {
    return this.#session === null ? null : this.#session.place(pdu);
  }

  pdu(pdu: IncomingPdu): void {
    const session = this.#session;
    const opcode = opcodeOf(pdu.header, pdu.at);
    if (session === null) {
      this.#discoveryPdu(opcode, pdu);
      return;
    }
    switch (opcode) {
      case InitiatorOpcode.scsiCommand:
        session.command(pdu);
        return;
      case InitiatorOpcode.dataOut:
        session.dataOut(pdu);
        return;
      case InitiatorOpcode.nopOut:
        this.#nopOut(pdu);
        return;
      case InitiatorOpcode.taskManagementRequest:
        this.#taskManagement?.request(pdu);
        return;
      case InitiatorOpcode.textRequest:
        this.#textRequest(pdu);
        return;
      case InitiatorOpcode.logoutRequest:
        this.#logout(pdu);
        return;
      case InitiatorOpcode.snackRequest:
        throw rejected(RejectReason.snackReject, 'SNACK needs ErrorRecoveryLevel 1');
      case InitiatorOpcode.loginRequest:
        throw closing(RejectReason.protocolError, 'a Login Request after login');
      default:
        throw rejected(RejectReason.commandNotSupported, `no operation code ${opcode}`);
    }
  }

  #discoveryPdu(opcode: number, pdu: IncomingPdu): void {
    if (opcode === InitiatorOpcode.textRequest) this.#textRequest(pdu);
    else if (opcode === InitiatorOpcode.logoutRequest) this.#logout(pdu);
    else throw rejected(RejectReason.commandNotSupported, 'not in a discovery session');
  }

  /**
   * The data digest of a PDU was wrong [§7.8]: it is rejected and dropped. Dropping what has a
   * CmdSN leaves a gap that ErrorRecoveryLevel 0 can't fill, so that ends the session.
   */
  damaged(pdu: IncomingPdu, header: Uint8Array): void {
    const isDataOut = opcodeOf(pdu.header, pdu.at) === InitiatorOpcode.dataOut;
    if (!isDataOut && !isImmediate(pdu.header, pdu.at)) {
      throw closing(RejectReason.dataDigestError, 'data digest error in a numbered PDU');
    }
    this.#options.outbox.answer(rejectAnswer(RejectReason.dataDigestError, header));
    if (isDataOut) this.#session?.dataOutLost(pdu);
  }

  #nopOut(pdu: IncomingPdu): void {
    const nop = decodeNopOut(pdu.header, pdu.at);
    if (nop.itt === RESERVED_TAG) return;
    const { outbox, parameters, window } = this.#options;
    const bytes = Math.min(pdu.dataBytes, parameters.initiatorMaxRecvDataSegmentLength);
    const data = new Uint8Array(pdu.data.subarray(pdu.dataAt, pdu.dataAt + bytes));
    window.inOrder(nop, () => outbox.answer(echoAnswer(nop.itt, nop.lun, data)));
  }

  /** A discovery session has no NOP: one that stays silent is just closed after a while. */
  #ping(): void {
    if (this.#session === null) return;
    this.#pingTag = (this.#pingTag + 1) & 0x7fff_ffff;
    this.#options.outbox.answer(pingAnswer(this.#pingTag));
  }

  #textRequest(pdu: IncomingPdu): void {
    const request = decodeTextRequest(pdu.header, pdu.at);
    const { outbox, window } = this.#options;
    const text =
      pdu.dataBytes === 0
        ? EMPTY
        : new Uint8Array(pdu.data.subarray(pdu.dataAt, pdu.dataAt + pdu.dataBytes));
    window.inOrder(request, () => {
      if (this.#textWaits) {
        throw rejected(RejectReason.protocolError, 'a Text Request before the last was answered');
      }
      const reply = this.#text.request(request, text);
      this.#textWaits = true;
      outbox.answer(textAnswer(reply, () => (this.#textWaits = false)));
    });
  }

  /** All targets in a discovery session; else only the one of this session, however it is asked
   * for, so that a login to one shows no other [Appendix C]. */
  #sendTargets(value: string): TextKey[] | null {
    const { directory, asker } = this.#options;
    const own = this.#session?.nexus.targetName ?? null;
    if (value === 'All') {
      return own === null ? allTargets(directory, asker) : oneTarget(directory, asker, own);
    }
    if (value === '') return own === null ? null : oneTarget(directory, asker, own);
    const name = normalName(value);
    if (!/^(iqn|eui|naa)\./.test(name)) return null;
    if (own !== null && name !== own) return null;
    return oneTarget(directory, asker, name);
  }

  #logout(pdu: IncomingPdu): void {
    const request = decodeLogoutRequest(pdu.header, pdu.at);
    const { outbox, window, identity, loggedOut } = this.#options;
    const { itt, reason, cid } = request;
    window.inOrder(request, () => {
      if (reason > LogoutReason.removeConnectionForRecovery) {
        throw rejected(RejectReason.invalidPduField, 'no such reason for a Logout');
      }
      if (this.#session === null && reason !== LogoutReason.closeSession) {
        throw rejected(RejectReason.commandNotSupported, 'not in a discovery session');
      }
      if (reason !== LogoutReason.closeSession && cid !== identity.cid) {
        outbox.answer(logoutAnswer(itt, LogoutResponseCode.cidNotFound));
      } else if (reason === LogoutReason.removeConnectionForRecovery) {
        outbox.answer(logoutAnswer(itt, LogoutResponseCode.recoveryNotSupported));
      } else {
        loggedOut(() => outbox.answer(logoutAnswer(itt, LogoutResponseCode.closed)));
      }
    });
  }

  #lunsChanged(): void {
    if (this.#end === null) this.#options.outbox.answer(lunsChangedAnswer());
  }

  /** Ends the session; `done` when its tasks can do nothing more. May be called again. */
  end(done: () => void): void {
    if (this.#end?.ended === true) {
      done();
      return;
    }
    if (this.#end !== null) {
      this.#end.waiting.push(done);
      return;
    }
    const end = { ended: false, waiting: [done] };
    this.#end = end;
    this.#keepAlive.stop();
    const ended = (): void => {
      end.ended = true;
      for (const next of end.waiting.splice(0)) next();
    };
    if (this.#session === null) ended();
    else this.#session.end(ended);
  }
}
