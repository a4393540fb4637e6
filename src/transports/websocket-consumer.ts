import {
  ConsumerSession,
  type AcceptOptions,
  type ConnectionPort,
  type ConsumerSessionOptions,
  type Payload,
} from "../channels/index.ts";
import { frameText } from "../protocol/index.ts";
import { encodeOnce } from "./encode-once.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import type { Upgrade, WebSocketConnection, WebSocketTransport } from "./websocket.ts";

const toFrame = encodeOnce<Payload>(({ json }) => frameText(json));

/**
 * Serves a consumer over a WebSocket; settles when the connection is over.
 *
 * The handshake is answered when the consumer has decided, so that a refusal can be an HTTP status.
 */
export async function serveConsumerOverWebSocket(
  transport: WebSocketTransport,
  upgrade: Upgrade,
  options: Omit<ConsumerSessionOptions, "port">,
): Promise<void> {
  const port = new WebSocketPort(transport, upgrade);
  const session = new ConsumerSession({ ...options, port });
  port.session = session;
  await session.run();
}

/** A consumer's connection, carried by a WebSocket. */
class WebSocketPort implements ConnectionPort {
  session: ConsumerSession | undefined;
  readonly #transport: WebSocketTransport;
  readonly #upgrade: Upgrade;
  #connection: WebSocketConnection | undefined;

  constructor(transport: WebSocketTransport, upgrade: Upgrade) {
    this.#transport = transport;
    this.#upgrade = upgrade;
    upgrade.socket.once("close", this.#onGone);
  }

  accept(options: AcceptOptions): void {
    this.#upgrade.socket.off("close", this.#onGone);
    this.#connection = this.#transport.accept(this.#upgrade, options, {
      // A binary message is no JSON: the session says so to the client.
      onMessage: (text) => this.session?.onMessage(text ?? ""),
      onClose: (code, reason) => this.session?.onClose({ code, reason }),
    });
    if (!this.#connection) this.#onGone();
  }

  refuse(status: number, message: string): void {
    refuseUpgrade(this.#upgrade.socket, status, message);
  }

  send(payload: Payload): void {
    this.#connection?.send(toFrame(payload));
  }

  close(code: number, reason: string): void {
    this.#connection?.close(code, reason);
  }

  pause(): void {
    this.#connection?.pause();
  }

  resume(): void {
    this.#connection?.resume();
  }

  /** The client did not wait for the answer to its handshake. */
  readonly #onGone = (): void => this.session?.onClose({ code: 1006, reason: "" });
}
