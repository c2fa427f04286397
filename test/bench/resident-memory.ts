/** What a member had in memory at most, beside what it is allowed. */
import { memberMetrics } from './member-metrics.ts';

const MIB = 1 << 20;

/** What a member may have beside --memory; README.md says so too. */
export const BESIDE_MEMORY_BYTES = 448 * MIB;

export interface MemberMemory {
  readonly member: string;
  readonly memoryBytes: number;
  readonly residentBytes: number;
}

export async function memoryOf(member: string, apiUrl: string): Promise<MemberMemory> {
  const { memoryBytes, residentBytes } = await memberMetrics(apiUrl);
  return { member, memoryBytes, residentBytes };
}

const mebibytes = (bytes: number): string => `${(bytes / MIB).toFixed(0)} MiB`;

/** Marked with an exclamation mark when it was too much. */
export function memoryLine({ member, memoryBytes, residentBytes }: MemberMemory): string {
  const mark = residentBytes > memoryBytes + BESIDE_MEMORY_BYTES ? '! ' : '';
  const allowed = `--memory ${mebibytes(memoryBytes)} and ${mebibytes(BESIDE_MEMORY_BYTES)}`;
  return `${mark}member ${member}: at most ${mebibytes(residentBytes)} resident, of ${allowed}\n`;
}
