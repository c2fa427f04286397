/**
 * Negotiation of operational keys [RFC 7143 §6.2]: the initiator offers, we answer from the table.
 * A key is negotiated once; offering it again is a protocol error, but for what may be re-declared
 * in full feature phase.
 */
import { loginFailure } from '../pdu/protocol-error.ts';
import { LoginStatus } from '../pdu/login-response.ts';
import { Answer, negotiationKeys, type KeyRow } from './negotiation-keys.ts';
import type { Parameters } from './parameters.ts';
import type { TextKey } from './text-keys.ts';

/** Keys that only a target sends; an initiator that does is told so. */
const targetsOwn = new Set(['TargetAlias', 'TargetAddress', 'TargetPortalGroupTag']);

export class Negotiation {
  readonly parameters: Parameters;
  readonly #discovery: boolean;
  readonly #leading: boolean;
  readonly #seen = new Set<string>();

  /** `leading`: this login makes a session, rather than taking one up again. */
  constructor(parameters: Parameters, use: { discovery: boolean; leading: boolean }) {
    this.parameters = parameters;
    this.#discovery = use.discovery;
    this.#leading = use.leading;
  }

  /**
   * The keys of one login request, which ended its C bit; answers in the order of the offers. While
   * security is negotiated only what may be said at any time is taken.
   */
  answerLogin(offers: readonly TextKey[], inSecurityStage: boolean): TextKey[] {
    for (const { key } of offers) {
      if (this.#seen.has(key)) {
        throw loginFailure(LoginStatus.initiatorError, `${key} is negotiated twice`);
      }
      this.#seen.add(key);
    }
    const answers = new Map<string, string | null>();
    for (const { key, value } of inOrderOfSettling(offers)) {
      answers.set(key, this.#answer(key, value, inSecurityStage));
    }
    return offers.flatMap(({ key }) => {
      const value = answers.get(key) ?? null;
      return value === null ? [] : [{ key, value }];
    });
  }

  #answer(key: string, offer: string, inSecurityStage: boolean): string | null {
    const row = negotiationKeys.get(key);
    if (row === undefined) return targetsOwn.has(key) ? Answer.reject : Answer.notUnderstood;
    if (inSecurityStage && row.use !== 'any') return Answer.reject;
    if (this.#discovery && row.irrelevantInDiscovery) return Answer.irrelevant;
    if (!this.#leading && row.use === 'leading-only') return Answer.reject;
    return settleWithin(row, offer, this.parameters);
  }
}

/** Answer to one key in full feature phase, where only declarations may come anew [§6.4]. */
export function answerInFullFeature(offer: TextKey, parameters: Parameters): string | null {
  const row = negotiationKeys.get(offer.key);
  if (row === undefined) return Answer.notUnderstood;
  return row.use === 'any' ? settleWithin(row, offer.value, parameters) : Answer.reject;
}

function settleWithin(row: KeyRow, offer: string, parameters: Parameters): string | null {
  const answer = row.settle(offer, parameters);
  // MaxBurstLength may come in a later request than FirstBurstLength did.
  parameters.FirstBurstLength = Math.min(parameters.FirstBurstLength, parameters.MaxBurstLength);
  return answer;
}

/** FirstBurstLength depends on MaxBurstLength, so it is settled last. */
const inOrderOfSettling = (offers: readonly TextKey[]): TextKey[] => [
  ...offers.filter(({ key }) => key !== 'FirstBurstLength'),
  ...offers.filter(({ key }) => key === 'FirstBurstLength'),
];
