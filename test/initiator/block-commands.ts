/** The block commands that tests send; SBC-4 has their byte tables. */
import type { Command } from './tcp-initiator.ts';

export const GOOD = 0;

const BLOCK_BYTES = 512;

function cdb16(opcode: number, lba: number, blocks: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb.writeUInt8(opcode, 0);
  cdb.writeBigUInt64BE(BigInt(lba), 2);
  cdb.writeUInt32BE(blocks, 10);
  return cdb;
}

/** READ(16) of 512-byte blocks. */
export const read = (lba: number, lengthBytes: number): Command => ({
  cdb: cdb16(0x88, lba, lengthBytes / BLOCK_BYTES),
  dataInLengthBytes: lengthBytes,
});

/** WRITE(16) of 512-byte blocks. */
export const write = (lba: number, data: Buffer): Command => ({
  cdb: cdb16(0x8a, lba, data.length / BLOCK_BYTES),
  dataOut: data,
});

/** WRITE SAME(16) of zeroes with the UNMAP bit. */
export function writeSameUnmap(lba: number, lengthBytes: number): Command {
  const cdb = cdb16(0x93, lba, lengthBytes / BLOCK_BYTES);
  cdb.writeUInt8(0x08, 1);
  return { cdb, dataOut: Buffer.alloc(BLOCK_BYTES) };
}

/** UNMAP with one block descriptor. */
export function unmap(lba: number, lengthBytes: number): Command {
  const list = Buffer.alloc(24);
  list.writeUInt16BE(22, 0);
  list.writeUInt16BE(16, 2);
  list.writeBigUInt64BE(BigInt(lba), 8);
  list.writeUInt32BE(lengthBytes / BLOCK_BYTES, 16);
  const cdb = Buffer.alloc(16);
  cdb.writeUInt8(0x42, 0);
  cdb.writeUInt16BE(list.length, 7);
  return { cdb, dataOut: list };
}

/** SYNCHRONIZE CACHE(10) of the whole LUN. */
export function synchronizeCache(): Command {
  const cdb = Buffer.alloc(16);
  cdb.writeUInt8(0x35, 0);
  return { cdb };
}

export const testUnitReady = (): Command => ({ cdb: Buffer.alloc(16) });
