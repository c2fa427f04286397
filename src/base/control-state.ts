/**
 * Control state: the small truth of a pool that operators change and that is read at start
 * (targets, access, secrets, later reservations and ownership). Keys with revisions, lists by
 * prefix, transactions with compares: what etcd offers a cluster and SQLite one member.
 */

export interface ControlEntry {
  readonly key: string;
  /** Null: what lies there is damaged. Only `put` and `remove` make it whole again. */
  readonly value: Uint8Array | null;
  /** The revision of the transaction that wrote it last; never 0. */
  readonly revision: number;
}

/** True while the key was last written by that revision; 0: while there is no such key. */
export interface ControlCompare {
  readonly key: string;
  readonly revision: number;
}

export type ControlChange =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'remove'; readonly key: string };

export interface ControlTransaction {
  /** All must hold, or nothing is changed. */
  readonly compares: readonly ControlCompare[];
  /** Applied in order; each key at most once. */
  readonly changes: readonly ControlChange[];
}

export type ControlOutcome =
  | { readonly committed: true; readonly revision: number }
  /** A compare did not hold; read again and decide anew. */
  | { readonly committed: false };

export type ControlErrorCode =
  /** Written by another version, or not control state at all. */
  | 'format'
  /** The store is damaged as a whole: nothing of it can be trusted. */
  | 'damaged'
  /** The store cannot be reached or written. */
  | 'unavailable';

export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: ControlErrorCode;
  constructor(code: ControlErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Every method may reject with ControlError; a rejected `commit` may have happened or not. */
export interface ControlState {
  get(key: string): Promise<ControlEntry | null>;
  /** All entries whose key starts with `prefix`, in the order of their UTF-8 bytes. */
  list(prefix: string): Promise<ControlEntry[]>;
  /** Resolves when durable. Revisions grow by one with each committed transaction. */
  commit(transaction: ControlTransaction): Promise<ControlOutcome>;
  close(): Promise<void>;
}

/** Encrypts secrets at rest. `name` is bound to the sealed bytes: under another it does not open. */
export interface SecretBox {
  seal(name: string, plain: Uint8Array): Uint8Array;
  /** Null when it is damaged, was sealed under another name or with another key. */
  open(name: string, sealed: Uint8Array): Uint8Array | null;
}
