/**
 * A pure initiator that does what it is told: it numbers its PDUs, logs in, keeps what it received,
 * and tries nothing of its own. Bytes go through `transport`; whoever joins it to a target hands
 * what comes back to `receive`.
 */
import { encodeDataOut } from '../../iscsi/pdu/data-out.ts';
import { RESERVED_TAG } from '../../iscsi/pdu/fields.ts';
import { decodeLoginResponse, type LoginResponse } from '../../iscsi/pdu/login-response.ts';
import { encodeLoginRequest, type LoginRequest } from '../../iscsi/pdu/login-request.ts';
import { encodeLogoutRequest } from '../../iscsi/pdu/logout-request.ts';
import { encodeNopOut } from '../../iscsi/pdu/nop-out.ts';
import { TargetOpcode } from '../../iscsi/pdu/opcode.ts';
import { encodeScsiCommand } from '../../iscsi/pdu/scsi-command.ts';
import { encodeTaskManagementRequest } from '../../iscsi/pdu/task-management-request.ts';
import { encodeTextRequest } from '../../iscsi/pdu/text-request.ts';
import { frame, Unframer, type ReceivedPdu } from './wire-format.ts';

export type Keys = readonly (readonly [key: string, value: string])[];

const encoder = new TextEncoder();
export const textOf = (keys: Keys): Uint8Array =>
  encoder.encode(keys.map(([key, value]) => `${key}=${value}\0`).join(''));

export const keysOf = (data: Uint8Array): [string, string][] =>
  Buffer.from(data)
    .toString()
    .split('\0')
    .filter((pair) => pair !== '')
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);

export interface CommandOptions {
  readonly cdb?: Uint8Array;
  readonly lun?: Uint8Array;
  readonly itt?: number;
  readonly immediate?: boolean;
  readonly cmdSN?: number;
  readonly final?: boolean;
  readonly attribute?: number;
  readonly readBytes?: number;
  readonly writeBytes?: number;
  readonly immediateData?: Uint8Array;
  readonly ahs?: Uint8Array;
}

export const LUN_0 = new Uint8Array(8);
/** LUN n in the peripheral device addressing method. */
export const lun = (n: number): Uint8Array => Uint8Array.of(0, n, 0, 0, 0, 0, 0, 0);

export const OPERATIONAL: Keys = [
  ['HeaderDigest', 'None'],
  ['DataDigest', 'None'],
  ['InitialR2T', 'No'],
  ['ImmediateData', 'Yes'],
  ['MaxBurstLength', '262144'],
  ['FirstBurstLength', '65536'],
  ['MaxOutstandingR2T', '1'],
  ['MaxRecvDataSegmentLength', '262144'],
];

export class ScriptedInitiator {
  readonly unframer = new Unframer();
  readonly received: ReceivedPdu[] = [];
  isid = '00023d000001';
  tsih = 0;
  cid = 1;
  cmdSN = 100;
  expStatSN = 0;
  itt = 1;
  readonly #transport: (bytes: Uint8Array) => void;
  #held: Uint8Array[] | null = null;

  constructor(transport: (bytes: Uint8Array) => void) {
    this.#transport = transport;
  }

  receive(bytes: Uint8Array): void {
    this.received.push(...this.unframer.push(bytes));
  }

  /** What came since the last call. */
  take(): ReceivedPdu[] {
    return this.received.splice(0);
  }

  send(
    encode: (into: Uint8Array) => void,
    rest: { data?: Uint8Array; ahs?: Uint8Array } = {},
  ): void {
    this.sendBytes(frame(encode, { ...rest, digests: this.unframer.digests }));
  }

  sendBytes(bytes: Uint8Array): void {
    if (this.#held === null) this.#transport(bytes);
    else this.#held.push(bytes);
  }

  /** What `send` would have sent, for the test to hand on as it likes. */
  held(send: () => void): Uint8Array {
    const pdus: Uint8Array[] = [];
    this.#held = pdus;
    send();
    this.#held = null;
    return Buffer.concat(pdus);
  }

  loginRequest(fields: Partial<LoginRequest>, keys: Keys | Uint8Array): void {
    const pdu: LoginRequest = {
      immediate: true,
      transit: false,
      continues: false,
      currentStage: 1,
      nextStage: 0,
      versionMax: 0,
      versionMin: 0,
      isid: this.isid,
      tsih: this.tsih,
      itt: this.itt,
      cid: this.cid,
      cmdSN: this.cmdSN,
      expStatSN: this.expStatSN,
      ...fields,
    };
    const data = keys instanceof Uint8Array ? keys : textOf(keys);
    this.send((into) => encodeLoginRequest(pdu, into), { data });
  }

  /** The last login response; the caller knows that one came. */
  lastLogin(): LoginResponse & { keys: [string, string][] } {
    const pdu = this.received.findLast(({ opcode }) => opcode === TargetOpcode.loginResponse);
    if (pdu === undefined) throw new Error('no login response came');
    return { ...decodeLoginResponse(pdu.header), keys: keysOf(pdu.data) };
  }

  /** One request straight to full feature phase. */
  login(identity: Keys, operational: Keys = OPERATIONAL): LoginResponse {
    this.loginRequest({ transit: true, nextStage: 3 }, [...identity, ...operational]);
    const response = this.lastLogin();
    this.tsih = response.tsih;
    const digest = (name: string): boolean =>
      response.keys.some(([key, value]) => key === name && value === 'CRC32C');
    this.unframer.digests.header = digest('HeaderDigest');
    this.unframer.digests.data = digest('DataDigest');
    this.take();
    return response;
  }

  /** Gives the tag. Without directions the command moves no data. */
  command(options: CommandOptions = {}): number {
    const { immediate = false, readBytes = 0, writeBytes = 0 } = options;
    const itt = options.itt ?? ++this.itt;
    const cmdSN = options.cmdSN ?? this.cmdSN;
    if (!immediate && options.cmdSN === undefined) this.cmdSN++;
    const cdb = new Uint8Array(16);
    cdb.set(options.cdb ?? []);
    const pdu = {
      immediate,
      final: options.final ?? true,
      read: readBytes > 0,
      write: writeBytes > 0,
      attribute: options.attribute ?? 1,
      lun: options.lun ?? LUN_0,
      itt,
      expectedDataTransferLength: writeBytes > 0 ? writeBytes : readBytes,
      cmdSN,
      expStatSN: this.expStatSN,
      cdb,
    };
    this.send((into) => encodeScsiCommand(pdu, into), {
      ...(options.immediateData === undefined ? {} : { data: options.immediateData }),
      ...(options.ahs === undefined ? {} : { ahs: options.ahs }),
    });
    return itt;
  }

  dataOut(
    itt: number,
    fields: { ttt?: number; dataSN: number; bufferOffset: number; final: boolean },
    data: Uint8Array,
  ): void {
    const { ttt = RESERVED_TAG, ...rest } = fields;
    const pdu = { lun: LUN_0, itt, ttt, expStatSN: this.expStatSN, ...rest };
    this.send((into) => encodeDataOut(pdu, into), { data });
  }

  nop(
    options: { data?: Uint8Array; immediate?: boolean; itt?: number; ttt?: number } = {},
  ): number {
    const { immediate = true, ttt = RESERVED_TAG } = options;
    const itt = options.itt ?? ++this.itt;
    const numbers = { cmdSN: this.cmdSN, expStatSN: this.expStatSN };
    if (!immediate) this.cmdSN++;
    this.send((into) => encodeNopOut({ immediate, lun: LUN_0, itt, ttt, ...numbers }, into), {
      ...(options.data === undefined ? {} : { data: options.data }),
    });
    return itt;
  }

  text(
    keys: Keys | Uint8Array,
    options: { final?: boolean; continues?: boolean; ttt?: number; itt?: number } = {},
  ): number {
    const { final = true, continues = false, ttt = RESERVED_TAG } = options;
    const itt = options.itt ?? ++this.itt;
    const numbers = { cmdSN: this.cmdSN++, expStatSN: this.expStatSN };
    const pdu = { immediate: false, final, continues, itt, ttt, ...numbers };
    const data = keys instanceof Uint8Array ? keys : textOf(keys);
    this.send((into) => encodeTextRequest(pdu, into), { data });
    return itt;
  }

  logout(reason: number, cid = this.cid): number {
    const itt = ++this.itt;
    const numbers = { cmdSN: this.cmdSN++, expStatSN: this.expStatSN };
    this.send((into) =>
      encodeLogoutRequest({ immediate: false, reason, cid, itt, ...numbers }, into),
    );
    return itt;
  }

  manage(
    code: number,
    options: { referencedTaskTag?: number; refCmdSN?: number; lun?: Uint8Array } = {},
  ): number {
    const itt = ++this.itt;
    const pdu = {
      immediate: true,
      function: code,
      lun: options.lun ?? LUN_0,
      itt,
      referencedTaskTag: options.referencedTaskTag ?? RESERVED_TAG,
      cmdSN: this.cmdSN,
      expStatSN: this.expStatSN,
      refCmdSN: options.refCmdSN ?? 0,
      expDataSN: 0,
    };
    this.send((into) => encodeTaskManagementRequest(pdu, into));
    return itt;
  }
}
