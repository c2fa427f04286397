/** What the control state's two halves say to each other over the worker's port. */
import type {
  ControlEntry,
  ControlErrorCode,
  ControlOutcome,
  ControlTransaction,
} from '../base/control-state.ts';

export type ControlCall =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'list'; readonly prefix: string }
  | ({ readonly op: 'commit' } & ControlTransaction)
  | { readonly op: 'close' };

export type ControlResult = ControlEntry | ControlEntry[] | ControlOutcome | null;

export interface ControlFailure {
  readonly code: ControlErrorCode;
  readonly message: string;
}

export interface ControlWorkerOptions {
  readonly path: string;
}
