import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Who says something. */
type Side = "client" | "server";

/** What comes from one socket goes to the other. */
interface Direction {
  readonly side: Side;
  readonly from: Socket;
  readonly to: Socket;
}

/** Stands between processes and a broker, so that their connections can be cut, or go deaf. */
export class Proxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #directions = new Set<Direction>();
  #isFrozen = false;

  private constructor(targetPort: number) {
    this.#server = createServer((inside) => {
      const outside = connect(targetPort, "127.0.0.1");
      this.#join({ side: "client", from: inside, to: outside });
      this.#join({ side: "server", from: outside, to: inside });
    });
  }

  static async start(targetPort: number): Promise<Proxy> {
    const proxy = new Proxy(targetPort);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== "object" || !address) throw new Error("the proxy does not listen");
    return address.port;
  }

  /** Ends every connection; new ones can be made at once. */
  cut(): void {
    for (const { from } of this.#directions) from.destroy();
  }

  /** Lets nothing through, in either direction, until `thaw`; connections stay open. */
  freeze(): void {
    this.#isFrozen = true;
    for (const { from, to } of this.#directions) from.unpipe(to);
  }

  /** The connections that are open let nothing through any more, of one side or of both; new ones work. */
  deafen(side?: Side): void {
    for (const direction of this.#directions) {
      if (side === undefined || direction.side === side) direction.from.unpipe(direction.to);
    }
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const { from, to } of this.#directions) from.pipe(to);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cut();
  }

  #join(direction: Direction): void {
    const { from, to } = direction;
    this.#directions.add(direction);
    if (!this.#isFrozen) from.pipe(to);
    from.once("error", () => to.destroy());
    from.once("close", () => {
      this.#directions.delete(direction);
      to.destroy();
    });
  }
}
