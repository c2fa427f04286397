/** The scripted initiator over a real socket, with waiting. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ScriptedInitiator } from './scripted-initiator.ts';
import type { ReceivedPdu } from './wire-format.ts';

const PATIENCE_MS = 5000;

export class SocketInitiator extends ScriptedInitiator {
  readonly socket: Socket;
  closed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    super((bytes) => void socket.write(bytes));
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.receive(bytes);
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  static async to(port: number, host = '127.0.0.1'): Promise<SocketInitiator> {
    const socket = connect({ port, host, noDelay: true });
    await once(socket, 'connect');
    return new SocketInitiator(socket);
  }

  /** Until it holds; fails after a few seconds. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = setTimeout(() => this.socket.destroy(), PATIENCE_MS);
    while (!condition()) {
      if (this.closed) throw new Error('the connection closed before it came');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    clearTimeout(deadline);
  }

  async untilClosed(): Promise<void> {
    if (!this.closed) await once(this.socket, 'close');
  }

  /** The next PDU. */
  async next(): Promise<ReceivedPdu> {
    await this.until(() => this.received.length > 0);
    const pdu = this.received.shift();
    if (pdu === undefined) throw new Error('one was there');
    return pdu;
  }

  async loginAs(keys: readonly (readonly [string, string])[]): Promise<number> {
    this.loginRequest({ transit: true, nextStage: 3 }, keys);
    await this.until(() => this.received.length > 0);
    const { status, tsih } = this.lastLogin();
    this.tsih = tsih;
    this.take();
    return status;
  }
}
