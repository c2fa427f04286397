/**
 * One connection [RFC 7143 §4.2.4, §11]: bytes in, bytes out. It logs in, then carries a session; it
 * owns the receiver and the outbox and is the one place where a peer's fault ends up.
 *
 *   login ─► entering ─► fullFeature ─► closing ─► closed
 *
 * Whoever holds the socket calls `receive` with what came, `fill` when the socket takes more,
 * `taken` when it has, and `lost` when it is gone.
 */
import { present } from '../../src/base/assert.ts';
import type { Clock, Logger, Random, Timer } from '../../src/base/ports.ts';
import { Login, LOGIN_DATA_BYTES, type LoginIdentity, type LoginReply } from '../login/login.ts';
import type { Parameters } from '../login/parameters.ts';
import { opcodeOf } from '../pdu/basic-header.ts';
import { decodeLoginRequest, LoginStage, type LoginRequest } from '../pdu/login-request.ts';
import { LoginStatus } from '../pdu/login-response.ts';
import { InitiatorOpcode } from '../pdu/opcode.ts';
import { PduReceiver, type IncomingPdu, type PduSink } from '../pdu/pdu-receiver.ts';
import { closing, loginFailure, ProtocolError } from '../pdu/protocol-error.ts';
import type { Nexus } from '../scsi/task.ts';
import { mayReach } from '../target/access.ts';
import type { Portal, TargetDirectory } from '../target/directory.ts';
import { formatAddress, type SocketAddress } from '../target/portal-address.ts';
import { loginAnswer, logoutRequestAnswer, rejectAnswer, sessionDroppedAnswer } from './answers.ts';
import { CommandWindow } from './command-window.ts';
import { FullFeature } from './full-feature.ts';
import type { Limits } from './limits.ts';
import { Outbox } from './outbox.ts';
import type { OutputBatch } from './output-batch.ts';
import type { RegisteredSession, SessionRegistry } from './session-registry.ts';
import type { TransferBudget } from './transfer-budget.ts';

/** Whoever holds the socket. */
export interface ConnectionHost {
  /**
   * `fill` has something to give. Called once until the next `fill`. Not urgent: other commands are
   * under way, and what they have to say in a moment may go out in the same write.
   */
  outputReady(urgent: boolean): void;
  pauseReading(): void;
  resumeReading(): void;
  /** All was sent: ends the connection in good order. */
  close(): void;
  /** At once. `lost` need not be called any more. */
  destroy(): void;
}

export interface ConnectionOptions {
  readonly host: ConnectionHost;
  readonly portal: Portal;
  readonly localAddress: SocketAddress;
  readonly peerAddress: SocketAddress;
  readonly directory: TargetDirectory;
  readonly registry: SessionRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly limits: Limits;
  readonly transfers: TransferBudget;
  /** A cold reset: every session of this target is to be dropped. */
  readonly coldReset: (targetName: string) => void;
}

type Phase = 'login' | 'entering' | 'fullFeature' | 'closing' | 'closed';

const FIRST_STAT_SN = 1;
const VERSION = 0;
const beforeLogin = { expCmdSN: 0, maxCmdSN: 0 };
const nothing = (): void => undefined;

export class Connection implements PduSink, RegisteredSession {
  readonly options: ConnectionOptions;
  readonly #outbox: Outbox;
  readonly #receiver: PduReceiver;
  readonly #login: Login;
  #phase: Phase = 'login';
  #window: CommandWindow | null = null;
  #fullFeature: FullFeature | null = null;
  #nexus: Nexus | null = null;
  #tsih = 0;
  #sinceMs = 0;
  #timer: Timer | null;
  #batch: OutputBatch | null = null;
  #announced = false;
  #paused = false;
  /** What came with more PDUs than one turn takes. */
  #later: Uint8Array | null = null;
  #digests = false;

  constructor(options: ConnectionOptions) {
    const { clock, limits, directory, portal, random } = options;
    const { maxAhsBytes, maxTextBytes } = limits;
    this.options = options;
    this.#outbox = new Outbox(
      FIRST_STAT_SN,
      () => this.#window ?? beforeLogin,
      () => this.#announce(),
    );
    this.#receiver = new PduReceiver(
      this,
      { maxAhsBytes, maxDataBytes: LOGIN_DATA_BYTES },
      options.transfers.buffers,
    );
    const takeUp = (identity: LoginIdentity): Parameters | null => this.#takeUp(identity);
    this.#login = new Login({ directory, portal, random, maxTextBytes, takeUp });
    this.#timer = clock.after(limits.loginTimeoutMs, () => this.#drop('login takes too long'));
  }

  /** Null before login, and in a discovery session. */
  get nexus(): Nexus | null {
    return this.#nexus;
  }

  get identity(): LoginIdentity | null {
    return this.#login.identity;
  }

  get tsih(): number {
    return this.#tsih;
  }

  /** Wall clock at login. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  get inFullFeature(): boolean {
    return this.#phase === 'fullFeature';
  }

  /** No command is under way and nothing is left to send. */
  get isIdle(): boolean {
    return this.#outbox.isEmpty && this.#fullFeature?.isIdle !== false;
  }

  /** Where the bytes that come next may be put before they are received: see `PduReceiver`. Asked for again
   * after each `receive`. */
  get awaited(): Uint8Array | null {
    return this.#receiver.awaited;
  }

  /** Bytes from the socket; `chunk` isn't held. */
  receive(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.#fullFeature?.alive();
    if (this.#later === null) this.#take(chunk);
    else this.#later = Buffer.concat([this.#later, chunk]);
  }

  #take(bytes: Uint8Array): void {
    let taken = bytes.length;
    try {
      taken = this.#receiver.receive(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fault(error);
    }
    if (taken < bytes.length) {
      this.#later = new Uint8Array(bytes.subarray(taken));
      this.options.clock.nextTurn(() => this.#takeLater());
    }
    const waitingAnswers = this.#outbox.waitingAnswers > this.options.limits.maxWaitingAnswers;
    if (!this.#paused && (waitingAnswers || this.#later !== null)) {
      this.#paused = true;
      this.options.host.pauseReading();
    }
  }

  #takeLater(): void {
    const bytes = this.#later;
    this.#later = null;
    if (bytes !== null && !this.#isOver) this.#take(bytes);
    this.#readOn();
  }

  #readOn(): void {
    const { host, limits } = this.options;
    if (!this.#paused || this.#later !== null || this.#phase === 'closed') return;
    if (this.#outbox.waitingAnswers >= limits.maxWaitingAnswers / 2) return;
    this.#paused = false;
    host.resumeReading();
  }

  get #isOver(): boolean {
    return this.#phase === 'closing' || this.#phase === 'closed';
  }

  /** Puts into the batch what there is to send, as far as it goes. */
  fill(batch: OutputBatch): void {
    this.#announced = false;
    this.#batch = batch;
    this.#setDigests(batch);
    this.#outbox.fill(batch);
    this.#batch = null;
    if (batch.isEmpty) this.#closeWhenSent();
  }

  /** The socket has taken all of a batch. */
  taken(): void {
    // A reader that still takes what waits is slow, not dead.
    if (!this.#outbox.isEmpty) this.#fullFeature?.alive();
    this.#readOn();
    if (this.#outbox.isEmpty) this.#closeWhenSent();
    else this.#announce();
  }

  /** The socket is gone. */
  lost(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#timer?.cancel();
    this.#receiver.stop();
    this.#endSession(nothing);
  }

  /** Of the registry: the initiator logged in anew. */
  replaced(): void {
    this.#drop('replaced by a new login');
  }

  /** Tells the initiator that its session is dropped, and closes. */
  dropSession(reason: string): void {
    if (this.#phase !== 'fullFeature') {
      this.#drop(reason);
      return;
    }
    this.#note(`session dropped: ${reason}`);
    this.#outbox.answer(sessionDroppedAnswer());
    this.#closeSoon();
  }

  /** Asks the initiator to log out within so many seconds. */
  requestLogout(seconds: number): void {
    if (this.#phase === 'fullFeature') this.#outbox.answer(logoutRequestAnswer(seconds));
  }

  place(pdu: IncomingPdu): Uint8Array | null {
    return this.#phase === 'fullFeature' ? present(this.#fullFeature, 'in it').place(pdu) : null;
  }

  pduArrived(pdu: IncomingPdu): void {
    if (this.#phase === 'fullFeature') {
      try {
        present(this.#fullFeature, 'in it').pdu(pdu);
      } catch (error) {
        if (!(error instanceof ProtocolError) || error.fault.kind !== 'reject') throw error;
        this.options.log.debug(this.#facts(), `rejected: ${error.message}`);
        const { reason } = error.fault;
        this.#outbox.answer(rejectAnswer(reason, this.#receiver.currentHeader()));
      }
    } else if (this.#phase === 'login') {
      this.#loginPdu(pdu);
    } else if (this.#phase === 'entering') {
      throw closing(null, 'a PDU before login was answered');
    }
  }

  dataDigestFailed(pdu: IncomingPdu): void {
    this.#note('data digest error');
    this.#fullFeature?.damaged(pdu, this.#receiver.currentHeader());
  }

  #loginPdu(pdu: IncomingPdu): void {
    if (opcodeOf(pdu.header, pdu.at) !== InitiatorOpcode.loginRequest) {
      throw loginFailure(LoginStatus.invalidRequestDuringLogin, 'not a Login Request');
    }
    const request = decodeLoginRequest(pdu.header, pdu.at);
    this.#window ??= new CommandWindow(request.cmdSN, this.options.limits.commandWindow);
    const data = pdu.data.subarray(pdu.dataAt, pdu.dataAt + pdu.dataBytes);
    const reply = this.#login.request(request, data);
    if (reply.transit && reply.nextStage === LoginStage.fullFeature) {
      this.#enter(request, reply);
      return;
    }
    this.#answerLogin(request, reply, nothing);
    if (reply.status !== LoginStatus.success) this.#closeSoon();
  }

  #answerLogin(request: LoginRequest, reply: LoginReply, sent: () => void): void {
    const { isid, itt } = request;
    const { text, ...stages } = reply;
    const versions = { versionMax: VERSION, versionActive: VERSION };
    const tsih = this.#tsih === 0 ? request.tsih : this.#tsih;
    this.#outbox.answer(loginAnswer({ ...stages, ...versions, isid, itt, tsih }, text, sent));
  }

  /** The login is good: the session begins once the one before it on this nexus has ended. */
  #enter(request: LoginRequest, reply: LoginReply): void {
    const identity = present(this.#login.identity, 'who logs in is known');
    const { registry } = this.options;
    this.#phase = 'entering';
    this.#nexus = this.#nexusOf(identity);
    registry.enter(this, identity.tsih, (admission) => {
      if (this.#phase !== 'entering') return;
      if (admission === null) {
        this.#note('too many sessions');
        this.#refuseLogin(request, LoginStatus.outOfResources);
        this.#closeSoon();
        return;
      }
      this.#tsih = admission.tsih;
      this.#begin(identity);
      this.#answerLogin(request, reply, () => this.#entered());
    });
  }

  /** Null in a discovery session. */
  #nexusOf({ initiatorName, isid, target }: LoginIdentity): Nexus | null {
    if (target === null) return null;
    const { portal, directory } = this.options;
    const who = { initiatorName, portal, proven: this.#login.proven };
    return {
      initiatorName,
      isid,
      targetName: target.iqn,
      portalGroupTag: portal.portalGroupTag,
      mayReach: (iqn) => {
        const other = directory.find(iqn);
        return other !== null && mayReach(other, who);
      },
    };
  }

  #begin(identity: LoginIdentity): void {
    const { options } = this;
    const { localAddress, portal, clock, directory, log, limits, transfers, coldReset } = options;
    this.#sinceMs = clock.wallMs();
    this.#fullFeature = new FullFeature({
      identity,
      nexus: this.#nexus,
      parameters: this.#login.parameters,
      window: present(this.#window, 'a login request set it'),
      outbox: this.#outbox,
      directory,
      asker: { initiatorName: identity.initiatorName, portal, localAddress },
      clock,
      log,
      limits,
      transfers,
      coldReset,
      dead: () => this.#drop('no answer to a ping'),
      loggedOut: (answer) => {
        this.#receiver.stop();
        this.#endSession(() => {
          if (this.#phase !== 'fullFeature') return;
          this.#note('logged out');
          answer();
          this.#closeSoon();
        });
      },
    });
  }

  /** The final Login Response is in the batch: from here on digests are used [§6.3.3]. */
  #entered(): void {
    if (this.#phase !== 'entering') return;
    this.#timer?.cancel();
    this.#phase = 'fullFeature';
    this.#digests = true;
    const { HeaderDigest, DataDigest, targetMaxRecvDataSegmentLength } = this.#login.parameters;
    this.#receiver.headerDigest = HeaderDigest === 'CRC32C';
    this.#receiver.dataDigest = DataDigest === 'CRC32C';
    this.#receiver.limits.maxDataBytes = targetMaxRecvDataSegmentLength;
    if (this.#batch !== null) this.#setDigests(this.#batch);
    this.#note('logged in');
  }

  #setDigests(batch: OutputBatch): void {
    const { HeaderDigest, DataDigest } = this.#login.parameters;
    batch.headerDigest = this.#digests && HeaderDigest === 'CRC32C';
    batch.dataDigest = this.#digests && DataDigest === 'CRC32C';
  }

  /** A login that names a session wants a connection of it reinstated [§6.3.4]. */
  #takeUp(identity: LoginIdentity): Parameters | null {
    const old = this.options.registry.find(identity.tsih);
    if (!(old instanceof Connection) || old.nexus === null) return null;
    const { initiatorName, isid, target, cid } = identity;
    const same =
      old.nexus.initiatorName === initiatorName &&
      old.nexus.isid === isid &&
      old.nexus.targetName === target?.iqn &&
      old.nexus.portalGroupTag === this.options.portal.portalGroupTag;
    if (!same) return null;
    if (old.identity?.cid !== cid) {
      throw loginFailure(LoginStatus.tooManyConnections, 'a session has one connection');
    }
    return { ...old.#login.parameters, HeaderDigest: 'None', DataDigest: 'None' };
  }

  /** The one place for a peer's fault. */
  #fault(error: ProtocolError): void {
    const { fault } = error;
    this.#note(error.message);
    this.#receiver.stop();
    if (fault.kind === 'login') {
      this.#refuseLogin(decodeLoginRequest(this.#receiver.currentHeader()), fault.status);
    } else if (fault.reason !== null && this.#phase === 'fullFeature') {
      this.#outbox.answer(rejectAnswer(fault.reason, this.#receiver.currentHeader()));
    }
    this.#closeSoon();
  }

  #refuseLogin(request: LoginRequest, status: LoginStatus): void {
    const { currentStage } = request;
    const stages = { transit: false, continues: false, currentStage, nextStage: 0 };
    const reply = { ...stages, status, text: new Uint8Array(0) };
    this.#answerLogin({ ...request, tsih: 0 }, reply, nothing);
  }

  #announce(): void {
    if (this.#announced || this.#phase === 'closed') return;
    this.#announced = true;
    this.options.host.outputReady(this.#fullFeature?.isBusy !== true);
  }

  /** Takes nothing more in; closes when all is sent, or after a while. */
  #closeSoon(): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return;
    this.#phase = 'closing';
    this.#receiver.stop();
    const { clock, limits } = this.options;
    this.#timer?.cancel();
    this.#timer = clock.after(limits.closeTimeoutMs, () => this.#drop('closing takes too long'));
    this.#endSession(nothing);
    this.#announce();
  }

  #closeWhenSent(): void {
    if (this.#phase === 'closing' && this.#outbox.isEmpty) this.options.host.close();
  }

  #drop(reason: string): void {
    if (this.#phase === 'closed') return;
    this.#note(reason);
    this.options.host.destroy();
    this.lost();
  }

  /** `done` when no task of the session can do anything more; its place is free then. */
  #endSession(done: () => void): void {
    const left = (): void => {
      this.options.registry.leave(this);
      done();
    };
    if (this.#fullFeature === null) left();
    else this.#fullFeature.end(left);
  }

  #facts(): object {
    const { peerAddress } = this.options;
    const { initiatorName, target } = this.#login.identity ?? {};
    return {
      peer: formatAddress(peerAddress),
      initiator: initiatorName,
      target: target?.iqn,
    };
  }

  #note(message: string): void {
    this.options.log.info(this.#facts(), message);
  }
}
