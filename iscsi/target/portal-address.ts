/** Addresses as TargetAddress writes them: `host:port`, IPv6 in brackets [RFC 7143 §13.8]. */

export interface SocketAddress {
  /** IPv4 or IPv6 in text form, without brackets. */
  readonly host: string;
  readonly port: number;
}

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** IPv4 that a dual-stack socket shows as IPv6 is written as the IPv4 it is; a zone is dropped. */
export function formatAddress({ host, port }: SocketAddress): string {
  const plain = plainHost(host);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

export function plainHost(host: string): string {
  const zoneless = host.split('%', 1)[0] ?? host;
  return MAPPED_IPV4.exec(zoneless)?.[1] ?? zoneless;
}

export function isLoopbackHost(host: string): boolean {
  const plain = plainHost(host).toLowerCase();
  return plain === 'localhost' || plain === '::1' || /^127(\.\d{1,3}){3}$/.test(plain);
}
