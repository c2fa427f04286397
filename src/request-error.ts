/**
 * A request of an operator that cannot be done as asked. `message` says what, why and what to do in
 * one line; the API turns the code into an HTTP status, the CLI that into an exit code.
 */
export type RequestErrorCode =
  | 'invalid'
  | 'exists'
  | 'not-found'
  /** Someone uses it now; `force` would do it all the same. */
  | 'in-use'
  /** Not served yet, or no longer: ask again later. */
  | 'unavailable';

export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: RequestErrorCode;
  constructor(code: RequestErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
