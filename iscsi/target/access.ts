/** Who may log in to a target: by name, by portal, and whether CHAP must prove it. */
import type { Portal, Target } from './directory.ts';
import { normalName } from './iscsi-name.ts';

/** Without list and CHAP a target is open on loopback portals only, unless it was opened. */
export function mayLogIn(target: Target, initiatorName: string, portal: Portal): boolean {
  const { open, allowed, chap } = target.access;
  if (open) return true;
  if (allowed.length > 0) return isListed(allowed, initiatorName);
  return chap !== null || portal.loopback;
}

function isListed(allowed: readonly string[], initiatorName: string): boolean {
  const name = normalName(initiatorName);
  return allowed.some((entry) => normalName(entry) === name);
}
