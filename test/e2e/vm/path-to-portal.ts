/** One path between the guest and a portal: a TCP relay on loopback that can be cut and come back. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../../peers/command.ts';

export class PathToPortal {
  /** What the guest connects to. */
  readonly port: number;
  readonly portalPort: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  private constructor(port: number, portalPort: number) {
    this.port = port;
    this.portalPort = portalPort;
  }

  static async open(): Promise<PathToPortal> {
    const path = new PathToPortal(await freePort(), await freePort());
    await path.restore();
    return path;
  }

  /** Connections are reset and new ones refused. */
  cut(): void {
    this.#server?.close();
    this.#server = null;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  restore(): Promise<void> {
    const server = createServer((socket) => {
      this.#relay(socket, createConnection(this.portalPort, '127.0.0.1'));
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  #relay(one: Socket, other: Socket): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay();
      from.pipe(to);
      from.on('error', () => undefined);
      from.once('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
