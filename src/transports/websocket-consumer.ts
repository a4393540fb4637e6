import {
  ConsumerSession,
  type AcceptOptions,
  type ClientFrame,
  type ConnectionPort,
  type ConsumerDefinition,
  type ConsumerSessionOptions,
  type Note,
  type Outcome,
  type Payload,
} from "../channels/index.ts";
import type { ErrorCode } from "../core/errors.ts";
import {
  findMessageId,
  isClientEnvelope,
  isConsumerCursor,
  SUBPROTOCOL,
  type MessageId,
} from "../protocol/index.ts";
import { formatAnswer } from "./consumer-envelope.ts";
import { encodeOnce } from "./encode-once.ts";
import { frameBinary, frameText } from "./frame-writer.ts";
import { offeredSubprotocols } from "./handshake.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import { conflationKey, holdingPolicy, type ConflationKey } from "./slow-consumer.ts";
import {
  type Upgrade,
  type WebSocketConnection,
  type WebSocketTransport,
  type WebSocketListener,
} from "./websocket.ts";

/** What a plain client gets: what the application sends, and nothing else. */
const toPlainFrame = encodeOnce<Exclude<TextPayload, Note>>((payload) =>
  frameText("json" in payload ? payload.json : payload.text),
);
/** What a client of our subprotocol gets. */
const toEnvelopeFrame = encodeOnce<TextPayload>((payload) => frameText(`{${toField(payload)}}`));
/** The same, to those who are at one place in the history of one group. */
const toPlacedFrame = encodeOnce<Placed>(({ payload, positions }) => {
  const field = toField(payload);
  return frameText(`{"cursor":"${positions}"${field && `,${field}`}}`);
});

/** Makes the session of a consumer's connection, carried by a WebSocket; `run` answers the handshake. */
export function openConsumerOverWebSocket(
  transport: WebSocketTransport,
  upgrade: Upgrade,
  options: Omit<ConsumerSessionOptions, "port">,
): ConsumerSession {
  const port = new WebSocketPort(transport, upgrade, options.definition);
  const session = new ConsumerSession({ ...options, port });
  port.session = session;
  return session;
}

/**
 * A consumer's connection, carried by a WebSocket.
 *
 * The handshake is answered when the consumer has decided, so that a refusal can be an HTTP status.
 */
class WebSocketPort implements ConnectionPort, WebSocketListener {
  session: ConsumerSession | undefined;
  readonly #transport: WebSocketTransport;
  readonly #definition: ConsumerDefinition;
  readonly #keyOf: ConflationKey | undefined;
  #upgrade: Upgrade | undefined;
  #connection: WebSocketConnection | undefined;
  #isEnveloped = false;

  constructor(transport: WebSocketTransport, upgrade: Upgrade, definition: ConsumerDefinition) {
    this.#transport = transport;
    this.#upgrade = upgrade;
    this.#definition = definition;
    this.#keyOf = conflationKey(definition.slowConsumer);
    upgrade.socket.on("close", this.#onGone);
  }

  accept({ subprotocol, headers }: AcceptOptions): void {
    const upgrade = this.#upgrade;
    if (!upgrade) return;
    const chosen = subprotocol ?? this.#choose(offeredSubprotocols(upgrade.request));
    const connection = this.#transport.accept(
      upgrade,
      { subprotocol: chosen, headers, slowConsumer: holdingPolicy(this.#definition.slowConsumer) },
      this,
    );
    if (!connection) return this.#onGone();
    // From here on, what was asked for is not kept: most connections are idle, and there are many.
    this.#upgrade = undefined;
    this.#isEnveloped = chosen === SUBPROTOCOL;
    this.#connection = connection;
    // Nobody can say what a client has missed whose cursor is none of ours.
    if (!isConsumerCursor(cursorOf(upgrade))) this.send({ reset: "epoch-changed" });
  }

  onMessage(data: string | Uint8Array): void {
    this.session?.onMessage(this.#read(data));
  }

  onClose(code: number, reason: string): void {
    this.session?.onClose({ code, reason });
  }

  refuse(status: number, message: string): void {
    if (this.#upgrade) refuseUpgrade(this.#upgrade.socket, status, message);
  }

  send(payload: Payload, positions?: string): void {
    const key = this.#keyOf?.(payload);
    if ("bytes" in payload) {
      this.#connection?.send(frameBinary(payload.bytes), key);
      // A binary frame has no room for a cursor.
      if (positions !== undefined) this.send({ reset: undefined }, positions);
    } else if (this.#isEnveloped) {
      const frame =
        positions === undefined
          ? toEnvelopeFrame(payload)
          : toPlacedFrame(place(payload, positions));
      this.#connection?.send(frame, key);
    } else if (!("reset" in payload)) this.#connection?.send(toPlainFrame(payload), key);
  }

  answer(id: MessageId | undefined, outcome: Outcome): void {
    if (this.#isEnveloped) {
      this.#connection?.send(frameText(formatAnswer(id, outcome)));
    } else if ("problem" in outcome) {
      this.#connection?.send(frameText(JSON.stringify({ type: "error", ...outcome.problem })));
    }
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

  /** Ours, if it is offered; else the first of the consumer's own that is. */
  #choose(offered: readonly string[]): string | undefined {
    if (offered.includes(SUBPROTOCOL)) return SUBPROTOCOL;
    return this.#definition.subprotocols.find((name) => offered.includes(name));
  }

  #read(data: string | Uint8Array): ClientFrame {
    if (typeof data !== "string") return { bytes: data };
    return this.#isEnveloped ? readEnvelope(data) : { text: data };
  }

  /** The client did not wait for the answer to its handshake. */
  readonly #onGone = (): void => {
    if (this.#upgrade) this.session?.onClose({ code: 1006, reason: "" });
  };
}

function cursorOf({ request: { url = "" } }: Upgrade): string {
  const queryAt = url.indexOf("?");
  return queryAt === -1 ? "" : (new URLSearchParams(url.slice(queryAt)).get("cursor") ?? "");
}

function readEnvelope(text: string): ClientFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return toProblem("MESSAGE_NOT_JSON", "expected a message in JSON", undefined);
  }
  if (isClientEnvelope(value)) return { data: value.data, id: value.id };
  return toProblem(
    "MESSAGE_INVALID",
    "expected a frame with `data`; an `id` is an integer, or a text of 1 to 64 characters",
    findMessageId(value),
  );
}

function toProblem(code: ErrorCode, message: string, id: MessageId | undefined): ClientFrame {
  return { problem: { code, message, issues: [] }, id };
}

type TextPayload = Exclude<Payload, { readonly bytes: Uint8Array }>;

/** A payload, and where its client is when it has it. */
interface Placed {
  readonly payload: TextPayload;
  readonly positions: string;
}

let last: Placed | undefined;

/** The same object for all who are sent the same, one right after the other. */
function place(payload: TextPayload, positions: string): Placed {
  if (last?.payload !== payload || last.positions !== positions) last = { payload, positions };
  return last;
}

function toField(payload: TextPayload): string {
  if ("json" in payload) return `"data":${payload.json}`;
  if ("text" in payload) return `"data":${JSON.stringify(payload.text)}`;
  return payload.reset === undefined ? "" : `"reset":{"reason":"${payload.reset}"}`;
}
