/** `host:port`, with IPv6 addresses in brackets. */

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const pattern = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:[\]\s]+)):(\d{1,5})$/;

export function parseHostPort(text: string): HostPort | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const port = Number(match[3]);
  return port > 65535 ? null : { host: match[1] ?? match[2] ?? '', port };
}
