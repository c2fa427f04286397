/** Hosts that share a disk through two target ports, and the reservation commands they send. */
import type { ReservationStore } from '../../../../../iscsi/scsi/reservations/store.ts';
import { ScsiTarget } from '../../../../../iscsi/scsi/scsi-target.ts';
import { MemoryDevice } from '../../../../memory-device.ts';
import { bytes, hex, Host, newUnits, type SendOptions, type SentTask } from '../host.ts';

export const Out = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  registerAndIgnore: 6,
  move: 7,
  replaceLost: 8,
} as const;

export const WE = 1;
export const EA = 3;
export const WE_RO = 5;
export const EA_RO = 6;
export const WE_AR = 7;
export const EA_AR = 8;
export const TYPES = [WE, EA, WE_RO, EA_RO, WE_AR, EA_AR];

export const SPEC_I_PT = 8;
export const ALL_TG_PT = 4;
export const APTPL = 1;

export interface OutFields {
  readonly key?: number;
  readonly actionKey?: number;
  readonly type?: number;
  readonly flags?: number;
  /** Hexadecimal, behind the basic list. */
  readonly more?: string;
}

const number = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

export const key = (value: number): string => number(value, 16);

/** As format 01b (with an ISID) or 00b, hexadecimal. */
export function transportId(name: string, isid: string | null): string {
  const text = Buffer.from(isid === null ? name : `${name},i,0x${isid}`);
  const lengthBytes = Math.max(20, (text.length + 4) & ~3);
  const body = Buffer.alloc(lengthBytes);
  text.copy(body);
  return (isid === null ? '05' : '45') + '00' + number(lengthBytes, 4) + body.toString('hex');
}

/** Behind the basic list: the length of TransportIDs, and they. */
export const transportIds = (...ids: string[]): string =>
  number(ids.join('').length / 2, 8) + ids.join('');

export class ReservingHost extends Host {
  out(action: number, fields: OutFields = {}, options: SendOptions = {}): SentTask {
    const { key: own = 0, actionKey = 0, type = 0, flags = 0, more = '' } = fields;
    const list = key(own) + key(actionKey) + '00000000' + number(flags, 2) + '000000' + more;
    return this.sendList(action, type, list, options);
  }

  move(fields: OutFields & { port: number; to: string }): SentTask {
    const { key: own = 0, actionKey = 0, flags = 0, port, to } = fields;
    const head = key(own) + key(actionKey) + '00' + number(flags, 2) + number(port, 4);
    return this.sendList(Out.move, 0, head + transportIds(to));
  }

  sendList(action: number, type: number, list: string, options: SendOptions = {}): SentTask {
    const dataOut = bytes(list);
    const cdb = `5F ${number(action, 2)} ${number(type, 2)} 00 00 ${number(dataOut.length, 8)} 00`;
    return this.send(cdb, { dataOut, ...options });
  }

  in(action: number, allocationLength = 0xffff): string {
    return hex(
      this.send(`5E ${number(action, 2)} 000000 0000${number(allocationLength, 4)} 00`).dataIn,
    );
  }

  keys(): number[] {
    const data = this.send('5E 00 00 00 00 00 00 FF FF 00').dataIn.subarray(8);
    const found: number[] = [];
    for (let at = 0; at < data.length; at += 8) {
      found.push(parseInt(hex(data.subarray(at, at + 8)), 16));
    }
    return found;
  }

  /** `key:type`, or null. */
  reservation(): string | null {
    const data = this.send('5E 01 00 00 00 00 00 FF FF 00').dataIn.subarray(8);
    if (data.length === 0) return null;
    return `${String(parseInt(hex(data.subarray(0, 8)), 16))}:${String(data[13])}`;
  }

  generation(): number {
    return parseInt(hex(this.send('5E 00 00 00 00 00 00 FF FF 00').dataIn.subarray(0, 4)), 16);
  }

  register(newKey: number, fields: OutFields = {}): string {
    return this.out(Out.register, { actionKey: newKey, ...fields }).outcome;
  }

  reserve(own: number, type: number): string {
    return this.out(Out.reserve, { key: own, type }).outcome;
  }

  read(options: SendOptions = {}): SentTask {
    return this.send('28 00 00 00 00 00 00 00 01 00', options);
  }

  write(options: SendOptions = {}): SentTask {
    const dataOut = new Uint8Array(512);
    return this.send('2A 00 00 00 00 00 00 00 01 00', { dataOut, ...options });
  }
}

export const CONFLICT = 'status 18';

/** `a` on port 1, `b` on port 2, `c` on port 1, all attentions taken. */
export function threeHosts(reservations?: ReservationStore) {
  const units = newUnits(64, {
    targetPorts: () => [1, 2],
    ...(reservations === undefined ? {} : { reservations }),
  });
  const device = new MemoryDevice({ blocks: 2048 });
  const target = new ScsiTarget(units);
  target.mapLun(0, device);
  const host = (name: string, portalGroupTag = 1): ReservingHost => {
    const made = new ReservingHost(target, name, {}, { portalGroupTag });
    made.settle();
    return made;
  };
  const [a, b, c] = [host('host-a'), host('host-b', 2), host('host-c')] as const;
  return { units, device, target, a, b, c, host };
}
