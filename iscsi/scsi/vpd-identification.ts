/**
 * Device Identification (VPD 83h) [SPC-4]. The designators of the logical unit come first and
 * are the same on every path; those of the target port and target device follow.
 */
import { assert } from '../../src/base/assert.ts';
import { put16 } from './bytes.ts';
import type { Command } from './command.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { TARGET_PORT_GROUP } from './target-port-groups.ts';

const CodeSet = { binary: 1, ascii: 2, utf8: 3 } as const;
const Association = { logicalUnit: 0, targetPort: 1, targetDevice: 2 } as const;
const DesignatorType = {
  t10Vendor: 1,
  naa: 3,
  relativeTargetPort: 4,
  targetPortGroup: 5,
  scsiName: 8,
} as const;
const PROTOCOL_ISCSI = 0x50;
const PROTOCOL_VALID = 0x80;

const encoder = new TextEncoder();

const hexadecimal = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();

function designator(
  facts: { codeSet: number; association: number; type: number },
  value: Uint8Array,
): Uint8Array {
  assert(value.length <= 255, 'a designator fits its length byte');
  const ofLogicalUnit = facts.association === Association.logicalUnit;
  const bytes = new Uint8Array(4 + value.length);
  bytes[0] = (ofLogicalUnit ? 0 : PROTOCOL_ISCSI) | facts.codeSet;
  bytes[1] = (ofLogicalUnit ? 0 : PROTOCOL_VALID) | (facts.association << 4) | facts.type;
  bytes[3] = value.length;
  bytes.set(value, 4);
  return bytes;
}

/** Null-terminated and null-padded to a multiple of four bytes [SPC-4, SCSI name string]. */
function scsiName(association: number, name: string): Uint8Array {
  const text = encoder.encode(name);
  const value = new Uint8Array((text.length + 4) & ~3);
  value.set(text);
  return designator({ codeSet: CodeSet.utf8, association, type: DesignatorType.scsiName }, value);
}

/** Relative target port identifier, or target port group: two reserved bytes, then the number. */
function ofTargetPort(type: number, identifier: number): Uint8Array {
  const value = new Uint8Array(4);
  put16(value, 2, identifier);
  return designator({ codeSet: CodeSet.binary, association: Association.targetPort, type }, value);
}

/**
 * What makes a designator the one that it is: code set, association and type, length, value. Protocol
 * identifier and PIV say nothing about a logical unit.
 */
export function designatorKey(designator: Uint8Array): string {
  const [codeSet = 0, type = 0, , length = 0] = designator;
  const head = Uint8Array.of(codeSet & 0x0f, type & 0x3f, length);
  const value = designator.subarray(4, 4 + length);
  return hexadecimal(head) + hexadecimal(value);
}

/** NAA first: the one that fits an identification descriptor of EXTENDED COPY. */
export function unitDesignators({ device, surroundings }: LogicalUnit): Uint8Array[] {
  const { identity } = device;
  const { vendor } = surroundings.product;
  const ofUnit = Association.logicalUnit;
  return [
    designator(
      { codeSet: CodeSet.binary, association: ofUnit, type: DesignatorType.naa },
      identity.naa,
    ),
    designator(
      { codeSet: CodeSet.ascii, association: ofUnit, type: DesignatorType.t10Vendor },
      encoder.encode(vendor.padEnd(8) + identity.serial),
    ),
    scsiName(ofUnit, `naa.${hexadecimal(identity.naa)}`),
  ];
}

export function deviceIdentification(command: Command): Uint8Array {
  const { targetName, portalGroupTag } = command.nexus.nexus;
  const tag = portalGroupTag.toString(16).padStart(4, '0');
  const parts = [
    ...unitDesignators(command.unit),
    ofTargetPort(DesignatorType.relativeTargetPort, portalGroupTag),
    ofTargetPort(DesignatorType.targetPortGroup, TARGET_PORT_GROUP),
    scsiName(Association.targetPort, `${targetName},t,0x${tag}`),
    scsiName(Association.targetDevice, targetName),
  ];
  const body = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
