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

/** A handshake that asks for a connection which can be gone on with. */
export interface HeldUpgrade {
  readonly upgrade: Upgrade;
  readonly reading: Reading;
  readonly first: ReadAnswer;
  /** Headers of the consumer's own, when the connection has just begun. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Messages that are not handled yet before the socket is read no further, and when it is again. */
const PAUSE_AT = 64;
const RESUME_AT = 16;
const NORMAL = 1000;
const GOING_AWAY = 1001;
const NO_STATUS = 1005;
const POLICY_VIOLATION = 1008;

/** Carries a consumer's connection over a WebSocket, which is on its own from here. */
export function serveHeldConsumerOverWebSocket(
  transport: WebSocketTransport,
  upgrade: HeldUpgrade,
): void {
  new HeldWebSocket(upgrade).run(transport);
}

class HeldWebSocket implements WebSocketListener {
  readonly #options: HeldUpgrade;
  #following: Following | undefined;
  #isOver = false;
  #connection: WebSocketConnection | undefined;
  #unhandled = 0;
  #isPaused = false;

  constructor(options: HeldUpgrade) {
    this.#options = options;
  }

  run(transport: WebSocketTransport): void {
    const { upgrade, reading, first, headers } = this.#options;
    const connection = transport.accept(upgrade, { subprotocol: SUBPROTOCOL, headers }, this);
    if (!connection) return;
    this.#connection = connection;
    connection.send(frameText(JSON.stringify(reading.hello)));
    const isReady = this.#take(connection, first);
    const following = reading.follow(isReady, (answer) => this.#take(connection, answer));
    this.#following = following;
    if (this.#isOver) following.leave();
  }

  onMessage(data: string | Uint8Array): void {
    this.#unhandled += 1;
    if (this.#unhandled >= PAUSE_AT && !this.#isPaused) {
      this.#isPaused = true;
      this.#connection?.pause();
    }
    void this.#post(data).finally(() => {
      this.#unhandled -= 1;
      if (!this.#isPaused || this.#unhandled > RESUME_AT) return;
      this.#isPaused = false;
      this.#connection?.resume();
    });
  }

  /** A client that says goodbye has had enough; one that breaks off may come back. */
  onClose(code: number): void {
    if (this.#isOver) return;
    this.#leave();
    if (isGoodbye(code)) void this.#options.reading.link.end();
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

  async #post(data: string | Uint8Array): Promise<void> {
    const body = typeof data === "string" ? data : toEnvelope(data);
    const answer = await this.#options.reading.link.post(body, { isPaced: true });
    switch (answer.kind) {
      case "answers":
        for (const json of answer.answers) this.#connection?.send(frameText(json));
        return;
      case "malformed":
        return this.#connection?.send(frameText(formatAnswer(undefined, { problem: MALFORMED })));
      case "busy":
        return this.#close(POLICY_VIOLATION, "too many messages");
      // Who comes back and sends it again is told.
      case "unsure":
      case "lost":
      case "forbidden":
        return this.#close(GOING_AWAY, "connection gone");
    }
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
