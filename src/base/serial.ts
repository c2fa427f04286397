/** Serial number arithmetic over 32 bits [RFC 1982], as CmdSN, StatSN and DataSN need it. */

export const add32 = (a: number, n: number): number => (a + n) >>> 0;

/** Signed distance from `a` to `b`, in (-2^31, 2^31). */
export const distance32 = (a: number, b: number): number => (b - a) | 0;

export const less32 = (a: number, b: number): boolean => distance32(a, b) > 0;

export const lessOrEqual32 = (a: number, b: number): boolean => distance32(a, b) >= 0;
