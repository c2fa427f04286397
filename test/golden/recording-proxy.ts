/** A TCP proxy on loopback that keeps what passes, cut into PDUs, in the order it passed. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { PduSplitter, type Pdu } from './pdu-splitter.ts';

export class RecordingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #pdus: Pdu[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(targetPort: number): Promise<RecordingProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new RecordingProxy(server);
    server.on('connection', (initiator) => {
      const splitter = new PduSplitter();
      const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
      proxy.#join(initiator, target, (chunk) => splitter.push('initiator', chunk));
      proxy.#join(target, initiator, (chunk) => splitter.push('target', chunk));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What passed since the last call. */
  take(): Pdu[] {
    const pdus = this.#pdus;
    this.#pdus = [];
    return pdus;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** The PDUs are noted before they are passed on, so an answer never stands before its question. */
  #join(from: Socket, to: Socket, split: (chunk: Buffer) => Pdu[]): void {
    this.#sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      this.#pdus.push(...split(chunk));
      to.write(chunk);
    });
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
