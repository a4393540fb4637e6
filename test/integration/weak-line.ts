import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A line to a server that a test can cut, and of which it can lose what the server says. */
export class WeakLine implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Where the server is. */
  port: number;
  /** Whether what the server says is lost. */
  isDeaf = false;
  /** Whether it lets no WebSocket through, as some proxies do. */
  isWithoutUpgrades = false;

  private constructor(port: number) {
    this.port = port;
    this.#server = createServer((near) => {
      const far = connect(this.port, "127.0.0.1");
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        // Whatever breaks, both ends are gone.
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.on("data", (chunk) => {
        if (this.isWithoutUpgrades && /^upgrade:/im.test(chunk.toString())) {
          near.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        } else far.write(chunk);
      });
      far.on("data", (chunk) => this.isDeaf || near.write(chunk));
    });
  }

  static async to(port: number): Promise<WeakLine> {
    const line = new WeakLine(port);
    line.#server.listen(0, "127.0.0.1");
    await once(line.#server, "listening");
    return line;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  /** How many connections go over it now. */
  get lines(): number {
    return this.#sockets.size / 2;
  }

  /** Breaks everything that goes over it; what comes later gets through again. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.isDeaf = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}
