import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net';

/** A line to a server that can be cut and mended, as a laptop's is when its lid is shut. */
export class Line {
  readonly #net: NetServer;
  readonly #sockets = new Set<Socket>();
  #cut = false;
  readonly url: string;

  private constructor(net: NetServer, to: URL) {
    this.#net = net;
    this.url = `http://127.0.0.1:${(net.address() as AddressInfo).port}`;
    net.on('connection', (near) => {
      if (this.#cut) {
        near.destroy();
        return;
      }
      const far = connect(Number(to.port), to.hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  static async to(url: string): Promise<Line> {
    const net = createServer();
    await new Promise<void>((done) => net.listen(0, '127.0.0.1', done));
    return new Line(net, new URL(url));
  }

  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((done) => this.#net.close(done));
  }
}
