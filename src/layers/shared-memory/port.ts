import type { Duplex } from "node:stream";
import { deserialize, serialize } from "node:v8";
import { crc32 } from "node:zlib";

import { TidingsError } from "../../core/errors.ts";
import { assertDuration, assertPositiveInteger } from "../../core/options.ts";
import type { LayerOptions, OutgoingMessage } from "../layer.ts";
import { isLayerMessage, isolateMessage, type IsolatedMessage } from "../message.ts";
import { markRecorded, recordedGroup } from "../recorded.ts";
import { encodeFrame, type Frame, type FrameContent, type FrameKind } from "./frame.ts";
import { Link } from "./link.ts";
import { newProcessName } from "./process-name.ts";
import { Requests, type Answer, type Outcome } from "./requests.ts";

/** Options of a {@link SharedMemoryPort}. */
export interface SharedMemoryPortOptions {
  /** How many bytes may wait for the other processes. @default 16 MiB */
  readonly maxOutboxBytes?: number | undefined;
  /** How long the hub may take to answer: it has a limit of its own, which is shorter. @default 10_000 */
  readonly answerTimeoutMs?: number | undefined;
}

/** What a process says of a layer that it opens. */
export interface Opening {
  /** The process's own name, which is in the names of its channels. */
  readonly process: string;
  /** What the layer is called, the same in every process. */
  readonly key: string;
  readonly bounds: LayerOptions;
}

/** What a layer is told through its port. */
export interface PortListener {
  /** A group's message of another process. */
  onGroupMessage(group: string, payload: Uint8Array): void;
  /** A message for a channel that is read here. */
  onMessage(channel: string, payload: Uint8Array): Outcome;
  onJoin(group: string, channel: string): void;
  onLeave(group: string, channel: string): void;
  onFlush(): void;
  /** A `LayerIncident` that another process or the hub has to tell. */
  onTold(incident: unknown): void;
}

/** More than any sane process waits for. */
const MAX_REQUESTS = 10_000;
/** Requests without a time limit: those for a message, and the one that everything else rests on. */
const PATIENT: readonly FrameKind[] = ["open", "receive"];

/**
 * A process's end of the stream to the {@link SharedMemoryHub}; its layers share it.
 *
 * When the stream ends, so does the sharing: what waits fails with LAYER_CLOSED.
 */
export class SharedMemoryPort {
  /** This process's own name, in the names of its channels. */
  readonly process: string = newProcessName();
  readonly #link: Link;
  readonly #requests: Requests;
  readonly #listeners = new Map<number, PortListener>();
  readonly #openings = new Map<string, number>();

  constructor(
    stream: Duplex,
    { maxOutboxBytes = 16 * 1024 * 1024, answerTimeoutMs = 10_000 }: SharedMemoryPortOptions = {},
  ) {
    const timeoutMs = assertDuration("answerTimeoutMs", answerTimeoutMs);
    this.#requests = new Requests({ maxCount: MAX_REQUESTS, timeoutMs });
    this.#link = new Link({
      stream,
      maxBytes: assertPositiveInteger("maxOutboxBytes", maxOutboxBytes),
      onFrame: (frame) => this.#onFrame(frame),
      onClose: () => this.#requests.close(),
    });
  }

  /**
   * Opens a layer. In each process, the first layer of a name is the same one, the second, and so on.
   *
   * Returns its number, and a promise of the moment from which it hears the others.
   */
  open(
    name: string,
    bounds: LayerOptions,
    listener: PortListener,
  ): { readonly layer: number; readonly opened: Promise<void> } {
    const count = this.#openings.get(name) ?? 0;
    this.#openings.set(name, count + 1);
    const key = `${name} ${count}`;
    const layer = crc32(key); // the same number in every process
    if (this.#listeners.has(layer)) throw collision(name);
    this.#listeners.set(layer, listener);
    const opening: Opening = { process: this.process, key, bounds };
    const request = this.request({ kind: "open", layer, payload: serialize(opening) });
    const opened = untilOpened(name, request.answer);
    opened.catch(() => {}); // whoever uses the layer is told
    return { layer, opened };
  }

  close(layer: number): void {
    this.#listeners.delete(layer);
    this.#link.push(encodeFrame({ kind: "close", layer }));
  }

  /** Tells the hub; `false` when it has no room. */
  post(content: FrameContent): boolean {
    return this.#link.offer(encodeFrame(content));
  }

  /** Tells the hub what it must know to keep its books. */
  tell(content: FrameContent): void {
    this.#link.push(encodeFrame(content));
  }

  /** Asks the hub. The answer fails with LAYER_CLOSED when the hub is gone. */
  request(content: FrameContent): { readonly id: number; readonly answer: Promise<Answer> } {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const send = (id: number): boolean => this.#link.offer(encodeFrame({ ...content, id }));
    const settle = (answer: Answer): void => {
      if (answer.outcome === "lost") reject(closedError());
      else resolve(answer);
    };
    if (this.#link.isClosed) {
      reject(closedError());
      return { id: 0, answer: promise };
    }
    return {
      id: this.#requests.add(send, settle, PATIENT.includes(content.kind)),
      answer: promise,
    };
  }

  /** Resolves when a sender may go on. */
  async ready(): Promise<void> {
    await this.#link.ready();
  }

  #onFrame(frame: Frame): void {
    const { kind, layer, id, name, payload } = frame;
    if (kind === "reply") return this.#requests.settle(id, name, payload);
    const listener = this.#listeners.get(layer);
    const outcome = listener ? handle(listener, frame) : "gone";
    if (id === 0) return;
    this.#link.push(encodeFrame({ kind: "reply", layer, id, name: outcome }));
  }
}

/** Writes a message for other processes. */
export function encodeMessage(message: OutgoingMessage): Uint8Array {
  const group = recordedGroup(message);
  return serialize(group === undefined ? message : [group, message]);
}

/** Reads a message of another process, frozen. */
export function decodeMessage(payload: Uint8Array): IsolatedMessage {
  const value: unknown = deserialize(payload);
  const [group, message]: readonly unknown[] = Array.isArray(value) ? value : [undefined, value];
  if (isLayerMessage(message)) {
    return isolateMessage(typeof group === "string" ? markRecorded(message, group) : message);
  }
  throw new TypeError("what another process sent is no message");
}

function handle(listener: PortListener, { kind, name, payload }: Frame): Outcome {
  switch (kind) {
    case "group":
      listener.onGroupMessage(name, payload);
      return "ok";
    case "send":
      return listener.onMessage(name, payload);
    case "join":
      listener.onJoin(name, Buffer.from(payload).toString("latin1"));
      return "ok";
    case "leave":
      listener.onLeave(name, Buffer.from(payload).toString("latin1"));
      return "ok";
    case "flush":
      listener.onFlush();
      return "ok";
    case "dropped":
    case "gap":
      listener.onTold(deserialize(payload));
      return "ok";
    default: // the rest is what processes ask the hub for
      return "refused";
  }
}

async function untilOpened(name: string, answer: Promise<Answer>): Promise<void> {
  const { outcome } = await answer;
  if (outcome !== "ok") throw collision(name);
}

function collision(name: string): TidingsError {
  return new TidingsError(
    "OPTION_INVALID",
    `the layer \`${name}\` has the number of another one; choose another name`,
  );
}

function closedError(): TidingsError {
  return new TidingsError("LAYER_CLOSED", "the process that the layer is shared through is gone");
}
