/**
 * A small initiator over a real socket for tests that kill the other side: several commands in
 * flight, task management, no recovery; a lost connection fails what was in flight, and the caller
 * knows that the outcome of those commands is open. It shares no code with the product on purpose: both would make
 * the same mistake. Field offsets are those of RFC 7143 §11.
 */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

const HEADER_BYTES = 48;
const MAX_RECV_DATA_SEGMENT_LENGTH = 262_144;
const NO_TAG = 0xffffffff;
const NAME = 'iqn.2026-01.org.example:tcp-initiator';
const SIMPLE = 1;

export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** The command was aborted, and the caller has been told so: no status comes. */
export class Aborted extends Error {
  override readonly name = 'Aborted';
}

export interface Completion {
  readonly status: number;
  /** Sense data without its length field; empty with GOOD. */
  readonly sense: Buffer;
  /** What Data-In PDUs brought, in its place; as long as was asked for. */
  readonly data: Buffer;
}

export interface Command {
  readonly cdb: Buffer;
  readonly dataOut?: Buffer;
  readonly dataInLengthBytes?: number;
  /** As the header has it: 1 SIMPLE (the default), 2 ORDERED, 3 HEAD OF QUEUE. */
  readonly attribute?: number;
}

export interface Task {
  /** Tags grow in the order in which commands are sent. */
  readonly tag: number;
  readonly completion: Promise<Completion>;
}

/** RFC 7143 §11.5. */
export interface TaskManagement {
  readonly code: number;
  readonly lun?: number;
  readonly referencedTag?: number;
  readonly refCmdSN?: number;
  /** Takes its turn among the commands; if the window is closed it is sent as immediate all the same. */
  readonly numbered?: boolean;
}

export interface AsyncMessage {
  readonly event: number;
  readonly sense: Buffer;
}

interface Pending extends Command {
  readonly tag: number;
  cmdSN: number | null;
  readonly dataIn: Buffer;
  readonly resolve: (completion: Completion) => void;
  readonly reject: (error: Error) => void;
}

export interface Portal {
  readonly port: number;
  readonly host?: string;
  readonly iqn: string;
  readonly lun: number;
  readonly initiatorName?: string;
  /** The last three bytes of the ISID. */
  readonly isid?: number;
}

/** `iscsi://host:port/iqn/lun`, as `scale` and libiscsi write it. */
export function portalOf(url: string): Portal {
  const found = /^iscsi:\/\/([^:/]+):(\d+)\/([^/]+)\/(\d+)$/.exec(url);
  if (found === null) throw new Error(`not an iSCSI URL: ${url}`);
  const [, host = '', port = '', iqn = '', lun = ''] = found;
  return { host, port: Number(port), iqn, lun: Number(lun) };
}

export class TcpInitiator {
  /** What the target told of its own accord. */
  readonly asyncMessages: AsyncMessage[] = [];
  readonly #socket: Socket;
  readonly #portal: Portal;
  readonly #lun: number;
  readonly #pending = new Map<number, Pending>();
  /** Commands that the CmdSN window does not let out yet. */
  readonly #queue: Pending[] = [];
  readonly #management = new Map<
    number,
    { resolve: (response: number) => void; reject: (error: Error) => void }
  >();
  readonly #text = new Map<string, string>();
  #received: Buffer = Buffer.alloc(0);
  #cmdSN = 1;
  #expCmdSN = 1;
  #maxCmdSN = 1;
  #expStatSN = 0;
  #nextTag = 1;
  #login: { resolve: () => void; reject: (error: Error) => void } | null = null;
  #isLost = false;

  private constructor(socket: Socket, portal: Portal) {
    this.#socket = socket;
    this.#portal = portal;
    this.#lun = portal.lun;
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#lose();
    });
  }

  /** Connects and logs in; throws ConnectionLost when there is no server or it says no. */
  static async open(portal: Portal): Promise<TcpInitiator> {
    const socket = connect({
      port: portal.port,
      host: portal.host ?? '127.0.0.1',
      noDelay: true,
    });
    try {
      await once(socket, 'connect');
    } catch (error) {
      throw new ConnectionLost('no connection', { cause: error });
    }
    const initiator = new TcpInitiator(socket, portal);
    await new Promise<void>((resolve, reject) => {
      initiator.#login = { resolve, reject };
      initiator.#sendLogin();
    });
    return initiator;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Commands that the target would take now, were none sent meanwhile. */
  get windowSize(): number {
    return (this.#maxCmdSN - this.#expCmdSN + 1) | 0;
  }

  /** Tags of the commands that were sent and are not answered, oldest first. */
  get sentTags(): number[] {
    return [...this.#pending.keys()];
  }

  execute(command: Command): Promise<Completion> {
    return this.submit(command).completion;
  }

  submit(command: Command): Task {
    const tag = this.#takeTag();
    const completion = new Promise<Completion>((resolve, reject) => {
      if (this.#isLost) {
        reject(new ConnectionLost('not connected'));
        return;
      }
      const dataIn = Buffer.alloc(command.dataInLengthBytes ?? 0);
      this.#queue.push({ ...command, tag, cmdSN: null, dataIn, resolve, reject });
      this.#sendQueued();
    });
    return { tag, completion };
  }

  /** Gives the response code. */
  manage(request: TaskManagement): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#isLost) {
        reject(new ConnectionLost('not connected'));
        return;
      }
      const numbered = request.numbered === true && this.#mayNumber();
      const tag = this.#takeTag();
      this.#management.set(tag, { resolve, reject });
      const { referencedTag = NO_TAG, code } = request;
      const header = this.#header(numbered ? 0x02 : 0x42, 0x80 | code, tag);
      header.writeUInt8(request.lun ?? this.#lun, 9);
      header.writeUInt32BE(referencedTag, 20);
      header.writeUInt32BE(this.#cmdSN, 24);
      header.writeUInt32BE(this.#expStatSN, 28);
      const refCmdSN = request.refCmdSN ?? this.#pending.get(referencedTag)?.cmdSN ?? 0;
      header.writeUInt32BE(refCmdSN, 32);
      if (numbered) this.#cmdSN = (this.#cmdSN + 1) >>> 0;
      this.#send(header, null);
    });
  }

  /** Numbers a command that never will be sent; null while the window is closed. */
  skipCmdSN(): number | null {
    if (!this.#mayNumber()) return null;
    const skipped = this.#cmdSN;
    this.#cmdSN = (this.#cmdSN + 1) >>> 0;
    return skipped;
  }

  /** The caller knows that this command was aborted: it fails with Aborted if it has not ended. */
  giveUp(tag: number): void {
    const command = this.#pending.get(tag);
    this.#pending.delete(tag);
    command?.reject(new Aborted('the command was aborted'));
  }

  close(): void {
    this.#socket.destroy();
    this.#lose();
  }

  #takeTag(): number {
    const tag = this.#nextTag;
    this.#nextTag = (tag % 0x7fff_ffff) + 1;
    return tag;
  }

  #mayNumber(): boolean {
    return ((this.#maxCmdSN - this.#cmdSN) | 0) >= 0;
  }

  #loginHeader(): Buffer {
    const header = this.#header(0x43, 0x87, 0);
    header.writeUInt16BE(0x8000, 8);
    header.writeUIntBE(this.#portal.isid ?? 0x010000, 11, 3);
    header.writeUInt32BE(this.#cmdSN, 24);
    return header;
  }

  #sendLogin(): void {
    const { iqn, initiatorName = NAME } = this.#portal;
    const keys = [
      `InitiatorName=${initiatorName}`,
      `TargetName=${iqn}`,
      ...['SessionType=Normal', 'AuthMethod=None', 'HeaderDigest=None', 'DataDigest=None'],
      ...['InitialR2T=No', 'ImmediateData=Yes', 'MaxOutstandingR2T=1', 'ErrorRecoveryLevel=0'],
      ...['FirstBurstLength=65536', 'MaxBurstLength=262144', 'MaxConnections=1'],
      `MaxRecvDataSegmentLength=${String(MAX_RECV_DATA_SEGMENT_LENGTH)}`,
    ];
    const data = Buffer.from(`${keys.join('\0')}\0`, 'latin1');
    this.#send(this.#loginHeader(), data);
  }

  #sendQueued(): void {
    while (this.#queue.length > 0 && this.#mayNumber()) {
      const command = this.#queue.shift();
      if (command !== undefined) this.#sendCommand(command);
    }
  }

  #sendCommand(command: Pending): void {
    const { tag, dataOut, dataIn, attribute = SIMPLE } = command;
    this.#pending.set(tag, command);
    command.cmdSN = this.#cmdSN;
    const direction = (dataOut === undefined ? 0 : 0x20) | (dataIn.length === 0 ? 0 : 0x40);
    // Final: what does not fit as immediate data is asked for by R2T.
    const header = this.#header(0x01, 0x80 | attribute | direction, tag);
    header.writeUInt8(this.#lun, 9);
    header.writeUInt32BE(dataOut?.length ?? dataIn.length, 20);
    header.writeUInt32BE(this.#cmdSN, 24);
    header.writeUInt32BE(this.#expStatSN, 28);
    command.cdb.copy(header, 32);
    this.#cmdSN = (this.#cmdSN + 1) >>> 0;
    this.#send(header, dataOut?.subarray(0, this.#immediateBytes()) ?? null);
  }

  #immediateBytes(): number {
    if (this.#text.get('ImmediateData') === 'No') return 0;
    return Math.min(this.#number('FirstBurstLength', 65_536), this.#segmentBytes());
  }

  /** What the target takes in one PDU; RFC 7143 §13.12 has 8192 as the default. */
  #segmentBytes(): number {
    return this.#number('MaxRecvDataSegmentLength', 8192);
  }

  #number(key: string, byDefault: number): number {
    return Number(this.#text.get(key) ?? byDefault);
  }

  #header(opcode: number, flags: number, tag: number): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt8(opcode, 0);
    header.writeUInt8(flags, 1);
    header.writeUInt32BE(tag, 16);
    return header;
  }

  #send(header: Buffer, data: Buffer | null): void {
    if (this.#isLost) return;
    header.writeUIntBE(data?.length ?? 0, 5, 3);
    this.#socket.write(header);
    if (data === null || data.length === 0) return;
    this.#socket.write(data);
    const padding = -data.length & 3;
    if (padding > 0) this.#socket.write(Buffer.alloc(padding));
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= HEADER_BYTES) {
      const dataLengthBytes = this.#received.readUIntBE(5, 3);
      const end = HEADER_BYTES + ((dataLengthBytes + 3) & ~3);
      if (this.#received.length < end) return;
      const header = this.#received.subarray(0, HEADER_BYTES);
      const data = this.#received.subarray(HEADER_BYTES, HEADER_BYTES + dataLengthBytes);
      this.#received = this.#received.subarray(end);
      this.#take(header, data);
    }
  }

  #take(header: Buffer, data: Buffer): void {
    const opcode = header.readUInt8(0) & 0x3f;
    const hasStatus = opcode !== 0x31 && (opcode !== 0x25 || (header.readUInt8(1) & 1) !== 0);
    if (hasStatus) this.#expStatSN = (header.readUInt32BE(24) + 1) >>> 0;
    this.#expCmdSN = header.readUInt32BE(28);
    this.#maxCmdSN = header.readUInt32BE(32);
    if (opcode === 0x23) this.#takeLoginResponse(header, data);
    else if (opcode === 0x25) this.#takeDataIn(header, data);
    else if (opcode === 0x31) this.#takeR2T(header);
    else if (opcode === 0x21) this.#takeResponse(header, data);
    else if (opcode === 0x20) this.#takeNopIn(header);
    else if (opcode === 0x22) this.#takeManaged(header);
    else if (opcode === 0x32) this.#takeAsync(header, data);
    else this.close();
    this.#sendQueued();
  }

  #takeLoginResponse(header: Buffer, data: Buffer): void {
    const status = header.readUInt16BE(36);
    for (const pair of data.toString('latin1').split('\0')) {
      const [key = '', value = ''] = pair.split('=');
      this.#text.set(key, value);
    }
    const login = this.#login;
    if (status !== 0) {
      login?.reject(new ConnectionLost(`login status 0x${status.toString(16)}`));
      this.close();
    } else if ((header.readUInt8(1) & 0x83) === 0x83) {
      this.#login = null;
      login?.resolve();
    } else {
      const next = this.#loginHeader();
      next.writeUInt32BE(this.#expStatSN, 28);
      this.#send(next, null);
    }
  }

  #takeDataIn(header: Buffer, data: Buffer): void {
    const tag = header.readUInt32BE(16);
    const command = this.#pending.get(tag);
    if (command === undefined) return;
    data.copy(command.dataIn, header.readUInt32BE(40));
    if ((header.readUInt8(1) & 1) === 0) return;
    this.#pending.delete(tag);
    const status = header.readUInt8(3);
    command.resolve({ status, sense: Buffer.alloc(0), data: command.dataIn });
  }

  #takeR2T(header: Buffer): void {
    const tag = header.readUInt32BE(16);
    const dataOut = this.#pending.get(tag)?.dataOut;
    if (dataOut === undefined) return;
    const offset = header.readUInt32BE(40);
    const end = offset + header.readUInt32BE(44);
    const step = this.#segmentBytes();
    for (let at = offset, dataSN = 0; at < end; at += step, dataSN++) {
      const upTo = Math.min(end, at + step);
      const out = this.#header(0x05, upTo === end ? 0x80 : 0, tag);
      header.copy(out, 8, 8, 16);
      header.copy(out, 20, 20, 24);
      out.writeUInt32BE(this.#expStatSN, 28);
      out.writeUInt32BE(dataSN, 36);
      out.writeUInt32BE(at, 40);
      this.#send(out, dataOut.subarray(at, upTo));
    }
  }

  #takeResponse(header: Buffer, data: Buffer): void {
    const tag = header.readUInt32BE(16);
    const command = this.#pending.get(tag);
    if (command === undefined) return;
    this.#pending.delete(tag);
    if (header.readUInt8(2) !== 0) {
      command.reject(new ConnectionLost('target failure'));
      return;
    }
    const sense = data.length > 2 ? Buffer.from(data.subarray(2)) : Buffer.alloc(0);
    command.resolve({ status: header.readUInt8(3), sense, data: command.dataIn });
  }

  #takeManaged(header: Buffer): void {
    const tag = header.readUInt32BE(16);
    this.#management.get(tag)?.resolve(header.readUInt8(2));
    this.#management.delete(tag);
  }

  #takeAsync(header: Buffer, data: Buffer): void {
    const sense = Buffer.from(data.subarray(2, 2 + (data.length > 2 ? data.readUInt16BE(0) : 0)));
    this.asyncMessages.push({ event: header.readUInt8(36), sense });
  }

  #takeNopIn(header: Buffer): void {
    const targetTag = header.readUInt32BE(20);
    if (targetTag === NO_TAG) return;
    const out = this.#header(0x40, 0x80, NO_TAG);
    header.copy(out, 8, 8, 16);
    out.writeUInt32BE(targetTag, 20);
    out.writeUInt32BE(this.#cmdSN, 24);
    out.writeUInt32BE(this.#expStatSN, 28);
    this.#send(out, null);
  }

  #lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    const error = new ConnectionLost('the connection is lost');
    this.#login?.reject(error);
    const waiting = [...this.#pending.values(), ...this.#queue, ...this.#management.values()];
    for (const { reject } of waiting) reject(error);
    this.#pending.clear();
    this.#management.clear();
    this.#queue.length = 0;
  }
}
