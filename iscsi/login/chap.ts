/**
 * CHAP [RFC 7143 §12.1.3, RFC 1994], one way and mutual, from the target's side:
 *
 *   I → T  CHAP_A=<algorithms>          T → I  CHAP_A=<one> CHAP_I=<id> CHAP_C=<challenge>
 *   I → T  CHAP_N=<user> CHAP_R=<response> [CHAP_I=<id> CHAP_C=<challenge>]
 *                                       T → I  [CHAP_N=<user> CHAP_R=<response>]
 *
 * Each challenge is fresh and used once. A challenge that is our own come back is never answered,
 * and neither is one of a target whose secret is the same in both directions: either would let
 * someone without the secret have us compute the response for them.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../src/base/ports.ts';
import { LoginStatus } from '../pdu/login-response.ts';
import { loginFailure, type ProtocolError } from '../pdu/protocol-error.ts';
import type { ChapCredentials } from '../target/directory.ts';
import { encodeHex, parseBinary } from './binary-value.ts';
import { parseNumber, type TextKey } from './text-keys.ts';

interface Algorithm {
  readonly code: number;
  readonly hash: 'md5' | 'sha1' | 'sha256' | 'sha3-256';
  readonly bytes: number;
}

/** Codes of the IANA registry "PPP Authentication Algorithms". */
const algorithms: ReadonlyMap<number, Algorithm> = new Map(
  [
    { code: 5, hash: 'md5', bytes: 16 } as const,
    { code: 6, hash: 'sha1', bytes: 20 } as const,
    { code: 7, hash: 'sha256', bytes: 32 } as const,
    { code: 8, hash: 'sha3-256', bytes: 32 } as const,
  ].map((algorithm) => [algorithm.code, algorithm]),
);

export interface ChapQuestion {
  /** 5, 6, 7 or 8. */
  readonly algorithm: number;
  /** One byte. */
  readonly identifier: number;
  readonly challenge: Uint8Array;
}

/** Hash of identifier, secret and challenge [RFC 1994 §4.1]; null for an unknown algorithm. */
export function chapResponse(question: ChapQuestion, secret: Uint8Array): Uint8Array | null {
  const algorithm = algorithms.get(question.algorithm);
  if (algorithm === undefined) return null;
  return createHash(algorithm.hash)
    .update(Uint8Array.of(question.identifier))
    .update(secret)
    .update(question.challenge)
    .digest();
}

/** In time that depends on neither; of different lengths it tells only that they are. */
const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b);

const sameText = (a: string, b: string): boolean => same(sha256(a), sha256(b));
const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();

const failure = (detail: string): ProtocolError =>
  loginFailure(LoginStatus.authenticationFailure, detail);

export interface ChapCredentialsOfTarget {
  /** What the initiator must prove. */
  readonly chap: ChapCredentials;
  /** What we prove when asked; null: asking is refused. */
  readonly mutualChap: ChapCredentials | null;
}

const chapKeys = new Set(['CHAP_A', 'CHAP_I', 'CHAP_C', 'CHAP_N', 'CHAP_R']);
export const isChapKey = (key: string): boolean => chapKeys.has(key);

type State =
  | { readonly step: 'algorithm' }
  | { readonly step: 'response'; readonly asked: ChapQuestion }
  | { readonly step: 'proven' };

/** The exchange of one login. Whatever goes wrong is thrown as login failure 0201. */
export class ChapExchange {
  readonly #credentials: ChapCredentialsOfTarget;
  readonly #random: Random;
  #state: State = { step: 'algorithm' };

  constructor(credentials: ChapCredentialsOfTarget, random: Random) {
    this.#credentials = credentials;
    this.#random = random;
  }

  get proven(): boolean {
    return this.#state.step === 'proven';
  }

  /** The CHAP keys of one request, at least one; gives ours. */
  answer(keys: ReadonlyMap<string, string>): TextKey[] {
    switch (this.#state.step) {
      case 'algorithm':
        return this.#challenge(keys);
      case 'response':
        return this.#verify(keys, this.#state.asked);
      case 'proven':
        throw failure('CHAP keys after the exchange');
    }
  }

  #challenge(keys: ReadonlyMap<string, string>): TextKey[] {
    const offered = keys.get('CHAP_A');
    if (offered === undefined || keys.size > 1) throw failure('CHAP_A is expected');
    const algorithm = offered
      .split(',')
      .map((text) => algorithms.get(parseNumber(text) ?? -1))
      .find((candidate) => candidate !== undefined);
    if (algorithm === undefined) throw failure('none of the CHAP algorithms is known');
    const asked: ChapQuestion = {
      algorithm: algorithm.code,
      identifier: this.#random.bytes(1)[0] ?? 0,
      challenge: this.#random.bytes(algorithm.bytes),
    };
    this.#state = { step: 'response', asked };
    return [
      { key: 'CHAP_A', value: String(asked.algorithm) },
      { key: 'CHAP_I', value: String(asked.identifier) },
      { key: 'CHAP_C', value: encodeHex(asked.challenge) },
    ];
  }

  #verify(keys: ReadonlyMap<string, string>, asked: ChapQuestion): TextKey[] {
    const user = keys.get('CHAP_N');
    const response = parseBinary(keys.get('CHAP_R') ?? '');
    if (user === undefined || response === null) throw failure('CHAP_N and CHAP_R are expected');
    const { chap } = this.#credentials;
    // Both are always worked out: a wrong user takes as long as a wrong secret.
    const expected = chapResponse(asked, chap.secret);
    const userIsRight = sameText(user, chap.user);
    const responseIsRight = expected !== null && same(response, expected);
    if (!userIsRight || !responseIsRight) throw failure('wrong CHAP user or secret');
    const answer = this.#prove(keys, asked);
    this.#state = { step: 'proven' };
    return answer;
  }

  /** Mutual authentication, if it is asked for. */
  #prove(keys: ReadonlyMap<string, string>, asked: ChapQuestion): TextKey[] {
    const identifierText = keys.get('CHAP_I');
    const challengeText = keys.get('CHAP_C');
    if (identifierText === undefined && challengeText === undefined) return [];
    const identifier = parseNumber(identifierText ?? '');
    const challenge = parseBinary(challengeText ?? '');
    if (identifier === null || identifier > 255 || challenge === null) {
      throw failure('CHAP_I and CHAP_C are expected together');
    }
    const { chap, mutualChap } = this.#credentials;
    if (mutualChap === null) throw failure('this target has no secret to prove');
    if (same(challenge, asked.challenge)) throw failure('our own challenge was sent back');
    if (same(chap.secret, mutualChap.secret)) throw failure('one secret for both directions');
    const { algorithm } = asked;
    const response = chapResponse({ algorithm, identifier, challenge }, mutualChap.secret);
    if (response === null) throw failure('the algorithm is gone');
    return [
      { key: 'CHAP_N', value: mutualChap.user },
      { key: 'CHAP_R', value: encodeHex(response) },
    ];
  }
}
