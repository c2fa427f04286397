/** Who may log in to a target: by name, by portal, and whether CHAP must prove it. */
import { timingSafeEqual } from 'node:crypto';
import type { ChapCredentials, Portal, Target } from './directory.ts';
import { normalName } from './iscsi-name.ts';

/** Without list and CHAP a target is open on loopback portals only, unless it was opened. */
export function mayLogIn(target: Target, initiatorName: string, portal: Portal): boolean {
  const { open, allowed, chap } = target.access;
  if (open) return true;
  if (allowed.length > 0) return isListed(allowed, initiatorName);
  return chap !== null || portal.loopback;
}

const sameSecret = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b);

/** The same for one who has proven `proven` (null: nothing) at the login to another target. */
export function mayReach(
  target: Target,
  who: { initiatorName: string; portal: Portal; proven: ChapCredentials | null },
): boolean {
  const { chap } = target.access;
  if (!mayLogIn(target, who.initiatorName, who.portal)) return false;
  if (chap === null) return true;
  const { proven } = who;
  return proven !== null && proven.user === chap.user && sameSecret(proven.secret, chap.secret);
}

function isListed(allowed: readonly string[], initiatorName: string): boolean {
  const name = normalName(initiatorName);
  return allowed.some((entry) => normalName(entry) === name);
}
