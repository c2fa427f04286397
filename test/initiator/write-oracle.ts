/**
 * Knows what each unit of a LUN may hold. A unit has one sure version, and while a write to it is in
 * flight, or was when the server died, open ones beside it. What a read shows becomes the sure one:
 * a value once read never goes back. Versions count commands; their bytes follow from them:
 *
 *   0 and every eighth   zeroes (written by UNMAP)
 *   8 n + 1              one of a few contents that repeat, as duplicates do
 *   others               found nowhere else; the first 8 bytes name unit and version
 */
export const UNIT_BYTES = 1024;
const DUPLICATES = 16;

export class WriteOracle {
  readonly unitCount: number;
  readonly #seed: number;
  readonly #sure: Uint32Array;
  readonly #open = new Map<number, Set<number>>();
  readonly #busy: Uint8Array;
  #lastVersion = 0;

  constructor(unitCount: number, seed: number) {
    this.unitCount = unitCount;
    this.#seed = seed;
    this.#sure = new Uint32Array(unitCount);
    this.#busy = new Uint8Array(unitCount);
  }

  /** Whether no operation is on any of these units. */
  isIdle(unit: number, count: number): boolean {
    return this.#busy.subarray(unit, unit + count).every((flag) => flag === 0);
  }

  /** A write or unmap of these idle units is about to be sent; gives its version. */
  begin(unit: number, count: number): number {
    this.#lastVersion += 1;
    for (let i = unit; i < unit + count; i++) {
      this.#busy[i] = 1;
      const open = this.#open.get(i);
      if (open === undefined) this.#open.set(i, new Set([this.#lastVersion]));
      else open.add(this.#lastVersion);
    }
    return this.#lastVersion;
  }

  /** GOOD came: from now on nothing else may be seen. */
  acknowledged(unit: number, count: number, version: number): void {
    for (let i = unit; i < unit + count; i++) {
      this.#busy[i] = 0;
      this.#sure[i] = version;
      this.#open.delete(i);
    }
  }

  /** The target said that it did nothing: this version may not be seen. */
  refused(unit: number, count: number, version: number): void {
    for (let i = unit; i < unit + count; i++) {
      this.#busy[i] = 0;
      const open = this.#open.get(i);
      open?.delete(version);
      if (open?.size === 0) this.#open.delete(i);
    }
  }

  /** The connection was lost, or the command aborted: the old or the new content, which one the next read shows. */
  lost(unit: number, count: number): void {
    this.#busy.fill(0, unit, unit + count);
  }

  /** Marks units that are being read, so that no write meets the read. */
  hold(unit: number, count: number): void {
    this.#busy.fill(1, unit, unit + count);
  }

  release(unit: number, count: number): void {
    this.#busy.fill(0, unit, unit + count);
  }

  static isZero(version: number): boolean {
    return version % 8 === 0;
  }

  content(unit: number, version: number): Buffer {
    const bytes = Buffer.alloc(UNIT_BYTES);
    this.#fill(bytes, unit, version);
    return bytes;
  }

  contents(unit: number, count: number, version: number): Buffer {
    const bytes = Buffer.alloc(count * UNIT_BYTES);
    for (let i = 0; i < count; i++) {
      this.#fill(bytes.subarray(i * UNIT_BYTES, (i + 1) * UNIT_BYTES), unit + i, version);
    }
    return bytes;
  }

  /** Checks what a read brought and learns from it; gives a line for each unit that is wrong. */
  check(unit: number, data: Buffer): string[] {
    const wrong: string[] = [];
    for (let i = 0; i * UNIT_BYTES < data.length; i++) {
      const seen = data.subarray(i * UNIT_BYTES, (i + 1) * UNIT_BYTES);
      const complaint = this.#checkUnit(unit + i, seen);
      if (complaint !== null) wrong.push(complaint);
    }
    return wrong;
  }

  #checkUnit(unit: number, seen: Buffer): string | null {
    const sure = this.#sure[unit] ?? 0;
    const open = this.#open.get(unit);
    const found = [sure, ...(open ?? [])].find((version) =>
      seen.equals(this.content(unit, version)),
    );
    if (found === undefined) {
      const allowed = [sure, ...(open ?? [])].join(' or ');
      return `unit ${String(unit)}: version ${allowed} is due, it holds ${describe(seen)}`;
    }
    this.#sure[unit] = found;
    this.#open.delete(unit);
    return null;
  }

  #fill(bytes: Buffer, unit: number, version: number): void {
    if (WriteOracle.isZero(version)) return;
    const isDuplicate = version % 8 === 1;
    let state = isDuplicate
      ? (version >>> 3) % DUPLICATES
      : Math.imul(unit + 1, 0x9e3779b1) ^ Math.imul(version, 0x85ebca6b) ^ this.#seed;
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    for (let i = 0; i < words.length; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      words[i] = state ^ (state >>> 15);
    }
    if (isDuplicate) return;
    bytes.writeUInt32BE(unit, 0);
    bytes.writeUInt32BE(version, 4);
  }
}

function describe(seen: Buffer): string {
  if (seen.every((byte) => byte === 0)) return 'zeroes';
  const [unit, version] = [seen.readUInt32BE(0), seen.readUInt32BE(4)];
  return `${seen.toString('hex', 0, 16)}… (as unique data: unit ${String(unit)}, version ${String(version)})`;
}
