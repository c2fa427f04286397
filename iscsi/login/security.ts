/** The security stage of one login [RFC 7143 §6.3.2]: AuthMethod, and CHAP where it is needed. */
import type { Random } from '../../src/base/ports.ts';
import { LoginStatus } from '../pdu/login-response.ts';
import { loginFailure } from '../pdu/protocol-error.ts';
import type { ChapCredentials, TargetAccess } from '../target/directory.ts';
import { ChapExchange, isChapKey } from './chap.ts';
import type { TextKey } from './text-keys.ts';

export class Security {
  readonly #chap: ChapCredentials | null;
  readonly #exchange: ChapExchange | null;
  #methodSettled = false;
  readonly #seen = new Set<string>();

  /** `access` is null in a discovery session, which asks for no proof. */
  constructor(access: TargetAccess | null, random: Random) {
    const chap = access?.chap ?? null;
    this.#chap = chap;
    this.#exchange =
      access === null || chap === null
        ? null
        : new ChapExchange({ chap, mutualChap: access.mutualChap }, random);
  }

  /** Whether the login may leave this stage, or skip it. */
  get satisfied(): boolean {
    return this.#exchange === null || this.#exchange.proven;
  }

  /** What the initiator has proven by now; null: nothing. */
  get proven(): ChapCredentials | null {
    return this.#exchange?.proven === true ? this.#chap : null;
  }

  /** Keys that have to do with no proof are answered by `operational`. */
  answer(
    offers: readonly TextKey[],
    operational: (others: readonly TextKey[]) => TextKey[],
  ): TextKey[] {
    const answers: TextKey[] = [];
    const others: TextKey[] = [];
    const chapKeys = new Map<string, string>();
    for (const { key, value } of offers) {
      if (isChapKey(key)) {
        this.#once(key, chapKeys.has(key));
        chapKeys.set(key, value);
      } else if (key === 'AuthMethod') {
        this.#once(key, this.#seen.has(key));
        this.#seen.add(key);
        answers.push({ key, value: this.#chooseMethod(value) });
      } else {
        others.push({ key, value });
      }
    }
    answers.push(...operational(others));
    if (chapKeys.size > 0) answers.push(...this.#answerChap(chapKeys));
    return answers;
  }

  #once(key: string, again: boolean): void {
    if (again) throw loginFailure(LoginStatus.initiatorError, `${key} is given twice`);
  }

  #chooseMethod(offer: string): string {
    const wanted = this.#exchange === null ? 'None' : 'CHAP';
    if (!offer.split(',').includes(wanted)) {
      throw loginFailure(
        LoginStatus.authenticationFailure,
        `AuthMethod ${wanted} is needed, ${offer} is offered`,
      );
    }
    this.#methodSettled = true;
    return wanted;
  }

  #answerChap(keys: ReadonlyMap<string, string>): TextKey[] {
    if (this.#exchange === null || !this.#methodSettled) {
      throw loginFailure(LoginStatus.authenticationFailure, 'CHAP keys without AuthMethod=CHAP');
    }
    return this.#exchange.answer(keys);
  }
}
