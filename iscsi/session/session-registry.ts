/**
 * All sessions of a member, by TSIH and by nexus. It sees to it that an I_T nexus has one session
 * at a time: a login with the same InitiatorName, ISID, target and portal group reinstates the
 * session [RFC 7143 §6.3.5], and waits until the old one's tasks can do nothing more.
 */
import { assert } from '../../src/base/assert.ts';
import type { Nexus } from '../scsi/task.ts';

/** A session as the registry knows it: its connection, which ends it. */
export interface RegisteredSession {
  /** Null: a discovery session. */
  readonly nexus: Nexus | null;
  /** It was replaced: closes the connection. The session ends as with any other loss. */
  replaced(): void;
}

interface Entry {
  readonly tsih: number;
  readonly session: RegisteredSession;
  ending: boolean;
}

export interface Admission {
  readonly tsih: number;
}

const keyOf = ({ initiatorName, isid, targetName, portalGroupTag }: Nexus): string =>
  JSON.stringify([initiatorName, isid, targetName, portalGroupTag]);

export class SessionRegistry {
  readonly #maxSessions: number;
  readonly #byTsih = new Map<number, Entry>();
  readonly #bySession = new Map<RegisteredSession, Entry>();
  readonly #byNexus = new Map<string, Entry>();
  /** Logins that wait for the session before them on the same nexus to end. */
  readonly #waiting = new Map<string, { session: RegisteredSession; go: () => void }>();
  #lastTsih = 0;

  constructor(maxSessions: number) {
    this.#maxSessions = maxSessions;
  }

  get size(): number {
    return this.#byTsih.size;
  }

  find(tsih: number): RegisteredSession | null {
    return this.#byTsih.get(tsih)?.session ?? null;
  }

  list(): { readonly tsih: number; readonly session: RegisteredSession }[] {
    return [...this.#byTsih.values()];
  }

  /**
   * Calls `admitted` when the session may begin: now, or once the one it replaces has ended. Null:
   * there are too many sessions. A login that waits is given up with `leave`. `tsih` is that of the
   * session whose connection is reinstated [§6.3.4], else 0.
   */
  enter(
    session: RegisteredSession,
    tsih: number,
    admitted: (admission: Admission | null) => void,
  ): void {
    const key = session.nexus === null ? null : keyOf(session.nexus);
    const old = key === null ? undefined : this.#byNexus.get(key);
    if (key !== null && old !== undefined) {
      // Of several that wait, the last one is what the initiator now wants.
      this.#waiting.get(key)?.session.replaced();
      this.#waiting.set(key, { session, go: () => admitted(this.#admit(key, session, tsih)) });
      if (!old.ending) {
        old.ending = true;
        old.session.replaced();
      }
      return;
    }
    admitted(this.#admit(key, session, tsih));
  }

  #admit(key: string | null, session: RegisteredSession, wanted: number): Admission | null {
    if (this.#byTsih.size >= this.#maxSessions) return null;
    const tsih = wanted === 0 || this.#byTsih.has(wanted) ? this.#freeTsih() : wanted;
    const entry: Entry = { tsih, session, ending: false };
    this.#byTsih.set(tsih, entry);
    this.#bySession.set(session, entry);
    if (key !== null) this.#byNexus.set(key, entry);
    return { tsih };
  }

  #freeTsih(): number {
    assert(this.#byTsih.size < 0xffff, 'there are fewer sessions than TSIHs');
    do this.#lastTsih = (this.#lastTsih % 0xffff) + 1;
    while (this.#byTsih.has(this.#lastTsih));
    return this.#lastTsih;
  }

  /** The session is over and none of its tasks can do anything more, or its login is given up. */
  leave(session: RegisteredSession): void {
    const key = session.nexus === null ? null : keyOf(session.nexus);
    if (key !== null && this.#waiting.get(key)?.session === session) {
      this.#waiting.delete(key);
      return;
    }
    const entry = this.#bySession.get(session);
    if (entry === undefined) return;
    this.#bySession.delete(session);
    this.#byTsih.delete(entry.tsih);
    if (key === null) return;
    this.#byNexus.delete(key);
    const next = this.#waiting.get(key);
    this.#waiting.delete(key);
    next?.go();
  }
}
