import { BoundedQueue } from "../core/bounded-queue.ts";
import { toError, TidingsError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { ChannelLayer, LayerMessage, OutgoingMessage } from "../layers/index.ts";
import { readClientMessage } from "./client-message.ts";
import type { ConnectionPort } from "./connection-port.ts";
import type { AcceptOptions, Connection, Disconnect } from "./connection.ts";
import type { ConsumerDefinition } from "./consumer.ts";
import type { EventDispatch, Reaction } from "./event-dispatch.ts";
import type { Params } from "./path.ts";
import type { RouteContext } from "./route-context.ts";
import type { User } from "./user.ts";

/** What a session needs. */
export interface ConsumerSessionOptions {
  readonly definition: ConsumerDefinition;
  readonly dispatch: EventDispatch;
  readonly context: RouteContext;
  readonly port: ConnectionPort;
  readonly layer: ChannelLayer;
  readonly logger: Logger;
}

/** Events that wait for a connection's handlers; beyond it the layer drops them for it. */
const MAX_WAITING_EVENTS = 100;
/** Client messages that wait before the socket is read no further, and when it is read again. */
const PAUSE_AT = 64;
const RESUME_AT = 16;
/** "The server encountered an unexpected condition" (RFC 6455 §7.4.1). */
const INTERNAL_ERROR = 1011;

/**
 * One connection of a consumer: runs its handlers, one after another.
 *
 * | state      | what is true                                   | left when                            |
 * | ---------- | ---------------------------------------------- | ------------------------------------ |
 * | connecting | `connect` runs, the handshake is not answered   | accepted, rejected, gone, or failed |
 * | open       | messages and events are handled as they come    | closed by either side, or an error  |
 * | closed     | nothing is sent or taken; the handler under way ends, then those of the messages that a client sent before it closed, then `disconnect`, if it was open | never |
 *
 * Events that are only forwarded skip the queue while it is empty. Bounds: 100 waiting events, 64
 * waiting client messages (then the client is no longer read; what one read brought may still wait).
 */
export class ConsumerSession implements Connection {
  readonly params: Params;
  readonly user: User | null;
  readonly request: Request;
  readonly state: unknown;
  readonly #options: ConsumerSessionOptions;
  readonly #abort = new AbortController();
  readonly #groups = new Set<string>();
  readonly #events = new BoundedQueue<Reaction>(MAX_WAITING_EVENTS);
  #messages: string[] = [];
  #isPaused = false;
  #isBusy = false;
  #state: "connecting" | "open" | "closed" = "connecting";
  #disconnect: Disconnect | undefined;
  readonly #over = Promise.withResolvers<void>();
  #channelName: string | undefined;
  #unlisten: (() => void) | undefined;

  constructor(options: ConsumerSessionOptions) {
    const { context, definition } = options;
    this.#options = options;
    this.params = context.params;
    this.user = context.user;
    this.request = context.request;
    this.state = definition.handlers.state();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get channelName(): string {
    if (this.#channelName !== undefined) return this.#channelName;
    throw new TidingsError("CHANNEL_CLOSED", "the connection has no channel before `connect` runs");
  }

  /** Runs `connect`; settles when the connection is over and its last handler is done. */
  async run(): Promise<void> {
    this.#isBusy = true;
    const { definition, layer } = this.#options;
    await this.#guard(async () => {
      this.#channelName = await layer.newChannel();
      if (this.#isClosed()) return;
      this.#unlisten = layer.listen(this.#channelName, (message) => this.#onEvent(message));
      await definition.handlers.connect(this);
      if (this.#state === "connecting") this.accept();
    });
    this.#isBusy = false;
    await this.#pump();
    await this.#over.promise;
  }

  /** Takes a message of the client. */
  onMessage(text: string): void {
    if (this.#state !== "open") return;
    this.#messages.push(text);
    if (this.#messages.length >= PAUSE_AT && !this.#isPaused) {
      this.#isPaused = true;
      this.#options.port.pause();
    }
    void this.#pump();
  }

  /** Takes note that the client is gone. */
  onClose(disconnect: Disconnect): void {
    this.#end(disconnect);
  }

  accept(options: AcceptOptions = {}): void {
    if (this.#state === "closed") return;
    if (this.#state === "open") throw new TidingsError("CHANNEL_CLOSED", "accepted already");
    // Refusing what `options` say comes before anything has been answered.
    this.#options.port.accept(options);
    if (!this.#isClosed()) this.#state = "open";
  }

  reject(code: number, reason = ""): void {
    if (this.#state === "closed") return;
    if (this.#state === "open") {
      throw new TidingsError(
        "CHANNEL_CLOSED",
        "expected `reject` before the connection is accepted",
      );
    }
    const { port } = this.#options;
    if (code >= 400 && code <= 599) port.refuse(code, reason);
    else if (isRejectCode(code)) {
      port.accept({});
      port.close(code, reason);
    } else {
      throw new TidingsError(
        "OPTION_INVALID",
        `expected \`code\` to be 400 to 599, 1008, or 4000 to 4999, got \`${code}\``,
      );
    }
    // `disconnect` is for connections that were open.
    this.#abandon();
  }

  send(data: unknown): void {
    if (this.#state === "connecting") this.accept();
    if (this.#state !== "open") return;
    const json = JSON.stringify(data);
    if (json === undefined)
      throw new TidingsError("MESSAGE_INVALID", "expected data that JSON can carry");
    this.#options.port.send({ json });
  }

  close(code = 1000, reason = ""): void {
    if (this.#state === "connecting") this.accept();
    if (this.#state !== "open") return;
    this.#options.port.close(code, reason);
    this.#messages = [];
    this.#end({ code, reason });
  }

  async groupAdd(group: string): Promise<void> {
    if (this.#state === "closed") return;
    this.#groups.add(group);
    await this.#options.layer.groupAdd(group, this.channelName);
    // It may have ended meanwhile, and must not stay behind in the group.
    if (this.#isClosed()) await this.groupDiscard(group);
  }

  async groupDiscard(group: string): Promise<void> {
    await this.#options.layer.groupDiscard(group, this.channelName);
    this.#groups.delete(group);
  }

  async groupSend(group: string, message: OutgoingMessage): Promise<void> {
    await this.#options.layer.groupSend(group, message);
  }

  #onEvent(message: LayerMessage): boolean {
    if (this.#state === "closed") return true;
    const reaction = this.#options.dispatch.reactionTo(message);
    if (reaction.kind === "ignore") return true;
    if (reaction.kind === "send" && !this.#isBusy && this.#events.size === 0) {
      this.#options.port.send(reaction.payload);
      return true;
    }
    if (!this.#events.push(reaction)) return false;
    // Not at once: what a handler sends must not reach other members before what it answers.
    queueMicrotask(() => void this.#pump());
    return true;
  }

  /** Handles what waits, events and messages in turn, until nothing does. Never throws. */
  async #pump(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#events.size > 0 || this.#messages.length > 0) {
      await this.#guard(() => this.#handleEvent());
      await this.#guard(() => this.#handleMessage());
    }
    if (this.#disconnect) await this.#finish(this.#disconnect);
    this.#isBusy = false;
  }

  async #handleEvent(): Promise<void> {
    const reaction = this.#events.shift();
    if (reaction?.kind === "send") this.#options.port.send(reaction.payload);
    if (reaction?.kind === "handle") await reaction.handler(this, reaction.event);
  }

  async #handleMessage(): Promise<void> {
    const text = this.#messages.shift();
    if (text === undefined) return;
    if (this.#isPaused && this.#messages.length <= RESUME_AT) {
      this.#isPaused = false;
      this.#options.port.resume();
    }
    const { handlers } = this.#options.definition;
    const read = await readClientMessage(text, handlers.receives);
    if ("complaint" in read) this.send(read.complaint);
    else await handlers.receive(this, read.message);
  }

  /** Runs a step; what it throws is logged and ends this connection, and no other. */
  async #guard(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (thrown) {
      const { definition, logger, port } = this.#options;
      if (this.#abort.signal.aborted && isAbort(thrown)) return;
      logger.error(
        { err: toError(thrown), consumer: definition.path.path, channel: this.#channelName },
        "handler failed; its connection is closed with 1011",
      );
      if (this.#state === "connecting") {
        port.refuse(500, "internal error");
        return this.#abandon();
      }
      this.#messages = [];
      this.close(INTERNAL_ERROR, "internal error");
    }
  }

  #end(disconnect: Disconnect): void {
    if (this.#state === "closed") return;
    if (this.#state === "connecting") return this.#abandon();
    this.#state = "closed";
    this.#release();
    this.#disconnect = disconnect;
    void this.#pump();
  }

  /** Ends a connection that never opened. */
  #abandon(): void {
    this.#state = "closed";
    this.#release();
    this.#over.resolve();
  }

  async #finish(disconnect: Disconnect): Promise<void> {
    this.#disconnect = undefined;
    await this.#guard(async () => {
      await this.#options.definition.handlers.disconnect(this, disconnect);
    });
    this.#over.resolve();
  }

  /** Leaves everything that could bring more work. */
  #release(): void {
    this.#abort.abort();
    this.#unlisten?.();
    this.#events.clear();
    const { layer, logger } = this.#options;
    for (const group of this.#groups) {
      layer.groupDiscard(group, this.channelName).catch((thrown: unknown) => {
        logger.warn({ err: toError(thrown), group }, "could not leave a group");
      });
    }
    this.#groups.clear();
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }
}

function isRejectCode(code: number): boolean {
  return code === 1008 || (code >= 4000 && code <= 4999);
}

function isAbort(thrown: unknown): boolean {
  return Error.isError(thrown) && thrown.name === "AbortError";
}
