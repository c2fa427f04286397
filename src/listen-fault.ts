import { RequestError } from './request-error.ts';

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something listens there already; end it or choose another address',
  EADDRNOTAVAIL: 'this machine has no such address; choose another',
  ENOTFOUND: 'there is no host of that name; choose another address',
  EACCES: 'that port needs more rights; choose one above 1023',
};

/** Why an address of a flag can't be listened on, and what to do. */
export function listenFault(flag: string, error: unknown): RequestError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const reason = typeof code === 'string' ? reasons[code] : undefined;
  return new RequestError('unavailable', `${flag}: ${String(message)}: ${reason ?? 'see --help'}`);
}
