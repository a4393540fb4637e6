import type { ErrorCode } from "../../core/errors.ts";
import { COMING_BACK, SUBPROTOCOL } from "../../protocol/index.ts";
import { formatAnswer } from "../consumer-envelope.ts";
import { frameText } from "../frame-writer.ts";
import type {
  Upgrade,
  WebSocketConnection,
  WebSocketListener,
  WebSocketTransport,
} from "../websocket.ts";
import { formatPolledFrame } from "./connection-format.ts";
import type { Following, ReadAnswer } from "./connection-link.ts";
import type { Reading } from "./consumer-exchange.ts";
import { MessageQueue } from "./message-queue.ts";

/** A handshake that asks for a connection which can be gone on with. */
export interface HeldUpgrade {
  readonly upgrade: Upgrade;
  readonly reading: Reading;
  readonly first: ReadAnswer;
  /** Headers of the consumer's own, when the connection has just begun. */
  readonly headers: Readonly<Record<string, string>>;
}

const NORMAL = 1000;
const GOING_AWAY = 1001;
const NO_STATUS = 1005;
const TRY_AGAIN_LATER = 1013;

/** Carries a consumer's connection over a WebSocket, which is on its own from here. */
export function serveHeldConsumerOverWebSocket(
  transport: WebSocketTransport,
  upgrade: HeldUpgrade,
): void {
  new HeldWebSocket(transport, upgrade).run();
}

class HeldWebSocket implements WebSocketListener {
  readonly #transport: WebSocketTransport;
  readonly #options: HeldUpgrade;
  readonly #messages: MessageQueue;
  #following: Following | undefined;
  #isOver = false;
  #connection: WebSocketConnection | undefined;

  constructor(transport: WebSocketTransport, options: HeldUpgrade) {
    this.#transport = transport;
    this.#options = options;
    this.#messages = new MessageQueue({
      maxBytes: transport.limits.maxOutboxBytes,
      post: (body) => this.#post(body),
      onFull: () => this.#connection?.pause(),
      onRoom: () => this.#connection?.resume(),
    });
  }

  run(): void {
    const { upgrade, reading, first, headers } = this.#options;
    const connection = this.#transport.accept(upgrade, { subprotocol: SUBPROTOCOL, headers }, this);
    if (!connection) return;
    this.#connection = connection;
    connection.send(frameText(JSON.stringify(reading.hello)));
    const isReady = this.#take(connection, first);
    const following = reading.follow(isReady, (answer) => this.#take(connection, answer));
    this.#following = following;
    if (this.#isOver) following.leave();
  }

  onMessage(data: string | Uint8Array): void {
    this.#messages.add(typeof data === "string" ? data : toEnvelope(data));
  }

  /** A client that says goodbye has had enough; one that breaks off may come back. */
  onClose(code: number): void {
    if (this.#isOver) return;
    this.#leave();
    const { link } = this.#options.reading;
    if (isGoodbye(code)) this.#messages.whenEmpty(() => void link.end());
  }

  /** The connection lives on: elsewhere, or not for long. */
  onGoAway(): void {
    this.#leave();
  }

  /** Sends what has come; says whether the client likes to take more. */
  #take(connection: WebSocketConnection, answer: ReadAnswer): boolean {
    if (this.#isOver) return false;
    const { reading } = this.#options;
    switch (answer.kind) {
      case "frames": {
        for (const frame of answer.frames) {
          connection.send(frameText(formatPolledFrame(reading.pass(frame), frame.payload)));
        }
        if (!answer.close) return this.#hasRoom(connection);
        const cursor = reading.cursorAfter(answer.close);
        connection.send(frameText(JSON.stringify({ cursor, close: answer.close })));
        this.#close(answer.close.code, answer.close.reason);
        return false;
      }
      case "taken":
        this.#close(NORMAL, "taken over");
        return false;
      case "lost":
      case "forbidden":
        // Who comes back gets another connection.
        this.#close(GOING_AWAY, "connection gone");
        return false;
    }
  }

  #hasRoom(connection: WebSocketConnection): boolean {
    const drained = connection.drained();
    if (!drained) return true;
    void drained.then(() => this.#following?.more());
    return false;
  }

  async #post(body: string): Promise<void> {
    const answer = await this.#options.reading.link.post(body, { isPaced: true });
    switch (answer.kind) {
      case "answers":
        for (const json of answer.answers) this.#connection?.send(frameText(json));
        return;
      case "malformed":
        return this.#connection?.send(frameText(formatAnswer(undefined, { problem: MALFORMED })));
      // Others that it had before have left as much behind; who comes back sends it again.
      case "busy":
        return this.#giveUp(TRY_AGAIN_LATER, "too many messages wait");
      // Who comes back and sends it again is told.
      case "unsure":
      case "lost":
      case "forbidden":
        return this.#giveUp(GOING_AWAY, "connection gone");
    }
  }

  /** Ends the WebSocket, and hands on no more of its messages. */
  #giveUp(code: number, reason: string): void {
    this.#messages.clear();
    this.#close(code, reason);
  }

  /** Ends the WebSocket, not the connection. */
  #close(code: number, reason: string): void {
    this.#leave();
    this.#connection?.close(code, reason);
  }

  #leave(): void {
    this.#isOver = true;
    this.#following?.leave();
  }
}

/** A page that is left closes its sockets with 1001. */
function isGoodbye(code: number): boolean {
  if (code === NORMAL || code === GOING_AWAY || code === NO_STATUS) return true;
  return code >= 3000 && code !== COMING_BACK;
}

const CODE: ErrorCode = "MESSAGE_NOT_JSON";
const MALFORMED = { code: CODE, message: "expected a message in JSON", issues: [] };

function toEnvelope(bytes: Uint8Array): string {
  return JSON.stringify({ bytes: Buffer.from(bytes).toString("base64") });
}
