import { once } from "node:events";

import { WebSocket, type ClientOptions } from "ws";

/** A WebSocket client whose messages are read one after another. */
export class Socket implements AsyncDisposable {
  readonly #websocket: WebSocket;
  readonly #messages: string[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  #onMessage: (() => void) | undefined;

  #tcp: { write(bytes: Uint8Array): unknown } | undefined;

  private constructor(websocket: WebSocket) {
    this.#websocket = websocket;
    websocket.on("upgrade", (response) => (this.#tcp = response.socket));
    websocket.on("message", (data: Buffer) => {
      this.#messages.push(data.toString());
      this.#onMessage?.();
    });
    websocket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      websocket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** Opens a connection; throws when the handshake is refused. */
  static async open(
    url: string,
    protocols: string[] = [],
    options: ClientOptions = {},
  ): Promise<Socket> {
    const socket = Socket.dial(url, protocols, options);
    await socket.opened;
    return socket;
  }

  /** Begins a connection, without waiting for it. */
  static dial(url: string, protocols: string[] = [], options: ClientOptions = {}): Socket {
    return new Socket(new WebSocket(url, protocols, options));
  }

  get opened(): Promise<unknown> {
    return once(this.#websocket, "open");
  }

  get protocol(): string {
    return this.#websocket.protocol;
  }

  get raw(): WebSocket {
    return this.#websocket;
  }

  send(data: unknown): void {
    this.#websocket.send(JSON.stringify(data));
  }

  /** Writes bytes past the client's framing, as only a broken or hostile client does. */
  writeBytes(bytes: Uint8Array): void {
    this.#tcp?.write(bytes);
  }

  sendText(text: string): void {
    this.#websocket.send(text);
  }

  /** The next message as JSON; throws after twenty seconds without one. */
  async next(): Promise<unknown> {
    return JSON.parse(await this.nextText());
  }

  /** The next message as it is; throws after twenty seconds without one. */
  async nextText(): Promise<string> {
    const limit = AbortSignal.timeout(20_000);
    while (this.#messages.length === 0) {
      limit.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#onMessage = resolve;
        limit.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return this.#messages.shift() ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#websocket.terminate();
    await this.closed;
  }
}

/** The HTTP answer to a handshake that is refused. */
export async function refusedHandshake(
  url: string,
  options: ClientOptions = {},
): Promise<{
  readonly status: number;
  readonly body: string;
  readonly headers: Record<string, unknown>;
}> {
  const websocket = new WebSocket(url, options);
  websocket.on("error", () => {});
  const [, response] = await once(websocket, "unexpected-response");
  let body = "";
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body, headers: response.headers };
}
