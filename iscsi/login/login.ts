/**
 * The login phase of one connection [RFC 7143 §6.3]: requests in, replies out, until a reply moves
 * the connection to full feature phase. Faults are thrown as ProtocolError 'login'.
 *
 *   SecurityNegotiation (0) ─► LoginOperationalNegotiation (1) ─► FullFeaturePhase (3)
 *                         └───────────────────────────────────────►
 */
import type { Random } from '../../src/base/ports.ts';
import { LoginStage, type LoginRequest } from '../pdu/login-request.ts';
import { LoginStatus } from '../pdu/login-response.ts';
import { loginFailure, ProtocolError } from '../pdu/protocol-error.ts';
import { mayLogIn } from '../target/access.ts';
import type { ChapCredentials, Portal, Target, TargetDirectory } from '../target/directory.ts';
import { isIscsiName, normalName } from '../target/iscsi-name.ts';
import { Negotiation } from './negotiation.ts';
import { TARGET_MAX_RECV_DATA_SEGMENT_LENGTH } from './negotiation-keys.ts';
import { defaultParameters, type Parameters } from './parameters.ts';
import { Security } from './security.ts';
import { encodeTextKeys, parseTextKeys, TextAssembly, type TextKey } from './text-keys.ts';

/** MaxRecvDataSegmentLength that holds for login PDUs of either side [§13.12]. */
export const LOGIN_DATA_BYTES = 8192;

export interface LoginReply {
  readonly transit: boolean;
  readonly continues: boolean;
  readonly currentStage: number;
  readonly nextStage: number;
  readonly status: LoginStatus;
  readonly text: Uint8Array;
}

/** Who logs in to what; known after the first request. */
export interface LoginIdentity {
  /** Normal form. */
  readonly initiatorName: string;
  readonly isid: string;
  /** As asked for: 0 makes a new session. */
  readonly tsih: number;
  readonly cid: number;
  /** Null: a discovery session. */
  readonly target: Target | null;
}

export interface LoginPorts {
  readonly directory: TargetDirectory;
  readonly portal: Portal;
  readonly random: Random;
  readonly maxTextBytes: number;
  /** Parameters of the session that a TSIH other than 0 names; null: there is none. */
  takeUp(identity: LoginIdentity): Parameters | null;
}

const identificationKeys = new Set([
  'InitiatorName',
  'InitiatorAlias',
  'TargetName',
  'SessionType',
]);

interface Begun {
  readonly identity: LoginIdentity;
  readonly security: Security;
  readonly negotiation: Negotiation;
}

export class Login {
  readonly #ports: LoginPorts;
  readonly #assembly: TextAssembly;
  #begun: Begun | null = null;
  #stage: number = LoginStage.securityNegotiation;
  #declared = false;
  /** What is left of a reply too long for one PDU. */
  #rest: Uint8Array | null = null;

  constructor(ports: LoginPorts) {
    this.#ports = ports;
    this.#assembly = new TextAssembly(ports.maxTextBytes);
  }

  get identity(): LoginIdentity | null {
    return this.#begun?.identity ?? null;
  }

  /** What the initiator has proven by now; null: nothing. */
  get proven(): ChapCredentials | null {
    return this.#begun?.security.proven ?? null;
  }

  get parameters(): Parameters {
    return this.#begun?.negotiation.parameters ?? defaultParameters();
  }

  /** `data` is the data segment; it isn't held. */
  request(pdu: LoginRequest, data: Uint8Array): LoginReply {
    this.#checkHeader(pdu);
    if (this.#rest !== null) {
      if (data.length > 0) throw fault('text while our own goes on');
      return this.#reply(pdu, this.#rest);
    }
    if (!this.#assembly.add(data)) {
      throw loginFailure(LoginStatus.outOfResources, 'login text too long');
    }
    if (pdu.continues) return this.#reply(pdu, new Uint8Array(0));
    try {
      return this.#answer(pdu, parseTextKeys(this.#assembly.take()));
    } catch (error) {
      // What is no text has a login status of its own here.
      if (error instanceof ProtocolError && error.fault.kind !== 'login') {
        throw fault(error.message);
      }
      throw error;
    }
  }

  #checkHeader(pdu: LoginRequest): void {
    if (pdu.versionMin > 0) {
      throw loginFailure(LoginStatus.unsupportedVersion, 'only version 0 is known');
    }
    const { transit, continues, currentStage, nextStage } = pdu;
    if (transit && continues) throw fault('T and C in one request');
    if (currentStage > LoginStage.operationalNegotiation) throw fault('no such current stage');
    if (transit && (nextStage <= currentStage || nextStage === 2))
      throw fault('no such next stage');
    const identity = this.identity;
    if (identity === null) {
      this.#stage = currentStage;
      return;
    }
    if (currentStage !== this.#stage) throw fault('the current stage is another one');
    const { isid, tsih, cid } = identity;
    if (pdu.isid !== isid || pdu.tsih !== tsih || pdu.cid !== cid) {
      throw fault('ISID, TSIH or CID changed during login');
    }
  }

  #answer(pdu: LoginRequest, keys: readonly TextKey[]): LoginReply {
    const answers: TextKey[] = [];
    let begun = this.#begun;
    if (begun !== null) {
      const late = keys.find(({ key }) => identificationKeys.has(key));
      if (late !== undefined) throw fault(`${late.key} after the first request`);
    } else {
      const identity = this.#identify(pdu, keys);
      begun = this.#begin(identity);
      this.#begun = begun;
      const redirect = identity.target?.redirect ?? null;
      if (redirect !== null) return redirection(this.#stage, redirect);
      answers.push(...this.#introduction(identity));
    }
    const offers = keys.filter(({ key }) => !identificationKeys.has(key));
    if (this.#stage === LoginStage.securityNegotiation) {
      const { negotiation, security } = begun;
      answers.push(...security.answer(offers, (others) => negotiation.answerLogin(others, true)));
      if (pdu.transit && offers.length === 0) requireProof(begun, 'nothing was proven');
    } else {
      requireProof(begun, 'authentication was skipped');
      answers.push(...begun.negotiation.answerLogin(offers, false));
      answers.push(...this.#declaration(begun));
    }
    return this.#reply(pdu, encodeTextKeys(answers));
  }

  #identify(pdu: LoginRequest, keys: readonly TextKey[]): LoginIdentity {
    if (!this.#ports.directory.ready) {
      throw loginFailure(LoginStatus.serviceUnavailable, 'the pool does not serve yet');
    }
    const given = new Map<string, string>();
    for (const { key, value } of keys) {
      if (identificationKeys.has(key) && given.has(key)) throw fault(`${key} is given twice`);
      given.set(key, value);
    }
    const initiator = given.get('InitiatorName');
    if (initiator === undefined) throw missing('InitiatorName');
    if (!isIscsiName(initiator)) throw fault('InitiatorName is not an iSCSI name');
    const initiatorName = normalName(initiator);
    const { isid, tsih, cid } = pdu;
    const target = this.#findTarget(given, initiatorName);
    return { initiatorName, isid, tsih, cid, target };
  }

  #findTarget(given: ReadonlyMap<string, string>, initiatorName: string): Target | null {
    const sessionType = given.get('SessionType') ?? 'Normal';
    if (sessionType === 'Discovery') return null;
    if (sessionType !== 'Normal') {
      throw loginFailure(LoginStatus.sessionTypeNotSupported, `no session type ${sessionType}`);
    }
    const name = given.get('TargetName');
    if (name === undefined) throw missing('TargetName');
    const target = this.#ports.directory.find(normalName(name));
    if (target === null) throw loginFailure(LoginStatus.targetNotFound, `no target ${name}`);
    if (!mayLogIn(target, initiatorName, this.#ports.portal)) {
      throw loginFailure(LoginStatus.authorizationFailure, `${initiatorName} may not log in`);
    }
    return target;
  }

  #begin(identity: LoginIdentity): Begun {
    const leading = identity.tsih === 0;
    const parameters = leading ? defaultParameters() : this.#ports.takeUp(identity);
    if (parameters === null) {
      throw loginFailure(LoginStatus.sessionDoesNotExist, `no session ${identity.tsih}`);
    }
    const { target } = identity;
    return {
      identity,
      security: new Security(target?.access ?? null, this.#ports.random),
      negotiation: new Negotiation(parameters, { discovery: target === null, leading }),
    };
  }

  /** What the first response to a normal session must tell [§13.9], and may. */
  #introduction({ target }: LoginIdentity): TextKey[] {
    if (target === null) return [];
    const tag = String(this.#ports.portal.portalGroupTag);
    const keys = [{ key: 'TargetPortalGroupTag', value: tag }];
    if (target.alias !== '') keys.push({ key: 'TargetAlias', value: target.alias });
    return keys;
  }

  #declaration({ negotiation: { parameters } }: Begun): TextKey[] {
    if (this.#declared) return [];
    this.#declared = true;
    parameters.targetMaxRecvDataSegmentLength = TARGET_MAX_RECV_DATA_SEGMENT_LENGTH;
    const value = String(TARGET_MAX_RECV_DATA_SEGMENT_LENGTH);
    return [{ key: 'MaxRecvDataSegmentLength', value }];
  }

  #reply(pdu: LoginRequest, text: Uint8Array): LoginReply {
    const part = text.subarray(0, LOGIN_DATA_BYTES);
    this.#rest = part.length < text.length ? text.subarray(part.length) : null;
    const satisfied = this.#begun?.security.satisfied === true;
    const transit = pdu.transit && this.#rest === null && satisfied;
    const reply: LoginReply = {
      transit,
      continues: this.#rest !== null,
      currentStage: this.#stage,
      nextStage: transit ? pdu.nextStage : 0,
      status: LoginStatus.success,
      text: part,
    };
    if (transit) this.#stage = pdu.nextStage;
    return reply;
  }
}

/** An initiator that goes on without having proven anything is turned away. */
function requireProof(begun: Begun, detail: string): void {
  if (!begun.security.satisfied) throw loginFailure(LoginStatus.authenticationFailure, detail);
}

const fault = (detail: string): ProtocolError => loginFailure(LoginStatus.initiatorError, detail);

const missing = (key: string): ProtocolError =>
  loginFailure(LoginStatus.missingParameter, `${key} is missing`);

const redirection = (stage: number, address: string): LoginReply => ({
  transit: false,
  continues: false,
  currentStage: stage,
  nextStage: 0,
  status: LoginStatus.targetMovedTemporarily,
  text: encodeTextKeys([{ key: 'TargetAddress', value: address }]),
});
