import { toError, TidingsError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { LayerMessage, OutgoingMessage } from "../layers/index.ts";
import { handleClientMessage } from "./client-message.ts";
import type { ClientFrame, ConnectionPort, Payload } from "./connection-port.ts";
import type {
  AcceptOptions,
  Connection,
  ConnectionParts,
  Disconnect,
  GroupAddOptions,
  KeepOptions,
} from "./connection.ts";
import type { EventDispatch, Reaction } from "./event-dispatch.ts";
import type { Params } from "./path.ts";
import { refuseHandshake } from "./refuse-handshake.ts";
import type { RouteContext } from "./route-context.ts";
import {
  SessionGroups,
  type RecordedReaction,
  type SessionGroupsOptions,
} from "./session-groups.ts";
import type { User } from "./user.ts";
import { WaitingWork } from "./waiting-work.ts";

/** What a session needs. */
export interface ConsumerSessionOptions extends ConnectionParts, SessionGroupsOptions {
  readonly logger: Logger;
  /** Told once, as {@link ConsumerSession.whenOver}. */
  readonly onOver?: (() => void) | undefined;
}

/** "The server encountered an unexpected condition" (RFC 6455 §7.4.1). */
const INTERNAL_ERROR = 1011;

/**
 * One connection of a consumer: runs its handlers, one after another.
 *
 * | phase      | what is true                                   | left when                            |
 * | ---------- | ---------------------------------------------- | ------------------------------------ |
 * | connecting | `connect` runs, the handshake is not answered   | accepted, rejected, gone, or failed |
 * | open       | messages and events are handled as they come    | closed by either side, or an error  |
 * | closed     | nothing is sent or taken; the handler under way ends, then those of the messages that a client sent before it closed, then `disconnect`, if it was open | never |
 *
 * Events that are only forwarded skip the queue while it is empty. Bounds: those of {@link WaitingWork}.
 * What few connections ever need is made when it is needed: most of them are idle.
 */
export class ConsumerSession implements Connection {
  readonly state: unknown;
  readonly #options: ConsumerSessionOptions;
  // Looked at for each event: in a large process every step to another object is a cache miss.
  readonly #dispatch: EventDispatch;
  readonly #port: ConnectionPort;
  #context: RouteContext;
  #phase: "connecting" | "open" | "closed" = "connecting";
  #isBusy = false;
  #work: WaitingWork | undefined;
  #groups: SessionGroups | undefined;
  #abort: AbortController | undefined;
  #disconnect: Disconnect | undefined;
  #channelName: string | undefined;
  #unlisten: (() => void) | undefined;
  #isOver = false;
  #over: PromiseWithResolvers<void> | undefined;

  constructor(options: ConsumerSessionOptions) {
    this.#options = options;
    this.#dispatch = options.dispatch;
    this.#port = options.port;
    this.#context = options.context;
    this.state = options.definition.handlers.state();
  }

  get params(): Params {
    return this.#context.params;
  }

  get user(): User | null {
    return this.#context.user;
  }

  get request(): Request {
    return this.#context.request;
  }

  get parts(): ConnectionParts {
    return this.#options;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isClosed()) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Whether its client has missed nothing of the groups that it is in by now, as its cursor says. */
  get isRecovered(): boolean {
    return this.#groups?.isRecovered === true;
  }

  get channelName(): string {
    if (this.#channelName !== undefined) return this.#channelName;
    throw new TidingsError("CHANNEL_CLOSED", "the connection has no channel before `connect` runs");
  }

  /** Runs `connect`, and so answers the handshake. Never throws. */
  async run(): Promise<void> {
    const { definition, layer } = this.#options;
    this.#isBusy = true;
    try {
      this.#channelName = await layer.newChannel();
      if (!this.#isClosed()) {
        this.#unlisten = layer.listen(this.#channelName, (message) => this.#onEvent(message));
        await definition.handlers.connect(this);
        if (this.#isReady()) this.#context.compact();
      }
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#isBusy = false;
    this.#pump();
  }

  /**
   * Settles when the connection is over and its last handler is done.
   *
   * A `connect` is not waited for when its connection has ended before it opened: what it waits for is
   * nobody's then, and may never come.
   */
  async whenOver(): Promise<void> {
    if (this.#isOver) return;
    this.#over ??= Promise.withResolvers();
    await this.#over.promise;
  }

  /** Goes on with what the middleware has found out now. */
  renew(context: RouteContext): void {
    context.compact();
    this.#context = context;
  }

  /** Goes on with its user until then: another request has shown newer credentials. */
  extendTo(validUntil: number): void {
    this.#context.extendTo(validUntil);
  }

  /** Takes a message of the client. */
  onMessage(frame: ClientFrame): void {
    if (this.#phase !== "open") return;
    this.#work ??= new WaitingWork(this.#port);
    this.#work.addMessage(frame);
    this.#pump();
  }

  /** Takes note that the client is gone. */
  onClose(disconnect: Disconnect): void {
    this.#end(disconnect);
  }

  accept(options: AcceptOptions = {}): void {
    if (this.#phase === "closed") return;
    if (this.#phase === "open") throw new TidingsError("CHANNEL_CLOSED", "accepted already");
    // Refusing what `options` say comes before anything has been answered.
    this.#port.accept(options);
    if (!this.#isClosed()) this.#phase = "open";
  }

  reject(code: number, reason = ""): void {
    if (this.#phase === "closed") return;
    if (this.#phase === "open") {
      throw new TidingsError(
        "CHANNEL_CLOSED",
        "expected `reject` before the connection is accepted",
      );
    }
    refuseHandshake(this.#port, { code, reason });
    // `disconnect` is for connections that were open.
    this.#abandon();
  }

  send(data: unknown): void {
    if (!this.#isReady()) return;
    const json = JSON.stringify(data);
    if (json === undefined)
      throw new TidingsError("MESSAGE_INVALID", "expected data that JSON can carry");
    this.#send({ json });
  }

  sendText(text: string): void {
    if (this.#isReady()) this.#send({ text });
  }

  sendBytes(bytes: Uint8Array): void {
    if (this.#isReady()) this.#send({ bytes });
  }

  close(code = 1000, reason = ""): void {
    if (!this.#isReady()) return;
    this.#port.close(code, reason);
    this.#work?.dropMessages();
    this.#end({ code, reason });
  }

  async groupAdd(group: string, options?: GroupAddOptions): Promise<void> {
    if (this.#phase === "closed") return;
    await this.#inGroups().add(group, options);
    // It may have ended meanwhile, and must not stay behind in the group. Else `#release` leaves it.
    if (this.#isClosed()) await this.groupDiscard(group);
    else this.#pump();
  }

  async groupDiscard(group: string): Promise<void> {
    await this.#inGroups().discard(group);
  }

  async groupSend(group: string, message: OutgoingMessage, options?: KeepOptions): Promise<void> {
    await this.#inGroups().send(group, message, options);
  }

  #inGroups(): SessionGroups {
    return (this.#groups ??= new SessionGroups(this.#options, this, (reaction) =>
      this.#onRecorded(reaction),
    ));
  }

  #onRecorded(recorded: RecordedReaction): boolean {
    if (this.#phase === "closed") return true;
    const { kind } = recorded.reaction;
    if (kind === "handle" || this.#isBusy || this.#work?.eventCount) return this.#take(recorded);
    this.#run(recorded);
    return true;
  }

  #onEvent(message: LayerMessage): boolean {
    if (this.#phase === "closed") return true;
    if (this.#groups?.isFollowed(message)) return true;
    const reaction = this.#dispatch.reactionTo(message);
    if (reaction.kind === "send" && !this.#isBusy && !this.#work?.eventCount) {
      this.#send(reaction.payload);
      return true;
    }
    if (reaction.kind === "ignore") return true;
    if (reaction.kind !== "close") return this.#take(reaction);
    this.close(reaction.code, reaction.reason);
    return true;
  }

  #take(reaction: Reaction | RecordedReaction): boolean {
    this.#work ??= new WaitingWork(this.#port);
    if (!this.#work.addEvent(reaction)) return false;
    // Not at once: what a handler sends must not reach other members before what it answers.
    queueMicrotask(() => this.#pump());
    return true;
  }

  /** Handles what waits, events and messages in turn, until nothing does. Never throws. */
  #pump(): void {
    while (!this.#isBusy && (this.#work?.isEmpty === false || this.#disconnect)) {
      this.#isBusy = true;
      try {
        const pending = this.#runNext();
        if (pending instanceof Promise) return void this.#goOnAfter(pending);
      } catch (thrown) {
        this.#fail(thrown);
      }
      this.#isBusy = false;
    }
    if (!this.#isBusy && this.#phase === "open") this.#groups?.catchUp(this.#port);
  }

  async #goOnAfter(pending: Promise<unknown>): Promise<void> {
    try {
      await pending;
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#isBusy = false;
    this.#pump();
  }

  #runNext(): unknown {
    const next = this.#work?.next();
    if (!next) return this.#finish();
    if ("kind" in next) return this.#run(next);
    const { port, definition } = this.#options;
    return handleClientMessage(this, next, { port, handlers: definition.handlers });
  }

  #run(reaction: Reaction | RecordedReaction): unknown {
    if (reaction.kind === "handle") return reaction.handler(this, reaction.event);
    if (reaction.kind === "send") this.#send(reaction.payload);
    if (reaction.kind === "close") this.close(reaction.code, reaction.reason);
    if (reaction.kind !== "recorded") return undefined;
    this.#groups?.tell(reaction);
    return this.#run(reaction.reaction);
  }

  #send(payload: Payload): void {
    if (this.#groups) this.#groups.deliver(this.#port, payload);
    else this.#port.send(payload);
  }

  /** Logs what a handler threw; it may end this connection, but no other. */
  #fail(thrown: unknown): void {
    const { definition, logger, port } = this.#options;
    if (this.#abort?.signal.aborted && isAbort(thrown)) return;
    const goesOn = definition.onError === "keep" && this.#phase !== "connecting";
    logger.error(
      { err: toError(thrown), consumer: definition.path.path, channel: this.#channelName },
      goesOn ? "handler failed" : "handler failed; its connection is closed with 1011",
    );
    if (goesOn) return;
    if (this.#phase === "connecting") {
      port.refuse(500, "internal error");
      return this.#abandon();
    }
    this.#work?.dropMessages();
    this.close(INTERNAL_ERROR, "internal error");
  }

  #end(disconnect: Disconnect): void {
    if (this.#phase === "closed") return;
    if (this.#phase === "connecting") return this.#abandon();
    this.#phase = "closed";
    this.#release();
    this.#disconnect = disconnect;
    this.#pump();
  }

  /** Ends a connection that never opened. */
  #abandon(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#release();
    this.#settle();
  }

  async #finish(): Promise<void> {
    const disconnect = this.#disconnect;
    this.#disconnect = undefined;
    if (!disconnect) return;
    try {
      await this.#options.definition.handlers.disconnect(this, disconnect);
    } finally {
      this.#settle();
    }
  }

  #settle(): void {
    this.#isOver = true;
    this.#over?.resolve();
    this.#options.onOver?.();
  }

  /** Leaves everything that could bring more work, its groups included. */
  #release(): void {
    this.#abort?.abort();
    this.#unlisten?.();
    this.#groups?.release();
    this.#work?.dropEvents();
  }

  /** Whether it can be sent to; sending accepts a connection that is still connecting. */
  #isReady(): boolean {
    if (this.#phase === "connecting") this.accept();
    return this.#phase === "open";
  }

  #isClosed(): boolean {
    return this.#phase === "closed";
  }
}

function isAbort(thrown: unknown): boolean {
  return Error.isError(thrown) && thrown.name === "AbortError";
}
