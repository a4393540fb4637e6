import type {
  AcceptOptions,
  ConnectionPort,
  ConsumerDefinition,
  ConsumerSession,
  Outcome,
  Payload,
  Refusal,
} from "../../channels/index.ts";
import type { MessageId } from "../../protocol/index.ts";
import type { MessageRate } from "../message-rate.ts";
import type { OpenConnection, OpenConnections } from "../open-connections.ts";
import { schedule } from "../outbox.ts";
import { toRefusal } from "../refuse-upgrade.ts";
import { conflationKey, holdingPolicy, type ConflationKey } from "../slow-consumer.ts";
import type { WebSocketLosses } from "../websocket-losses.ts";
import type {
  ConnectionClose,
  ConnectionLink,
  EndAnswer,
  Following,
  FollowRequest,
  PostAnswer,
  PostOptions,
  ReadAnswer,
  ReadRequest,
  TakeAnswer,
  Visitor,
} from "./connection-link.ts";
import { FrameLog } from "./frame-log.ts";
import { MessageIntake } from "./message-intake.ts";
import type { SharedFrames } from "./shared-frames.ts";
import { Waiting } from "./waiting.ts";

/** What all held connections of a server share. */
export interface HeldConnectionLimits {
  /** How many bytes may wait for a client. */
  readonly maxOutboxBytes: number;
  /** How long a connection lives on when nobody reads it, and may be taken up again. */
  readonly resumeMs: number;
  /** How often clients are shown that we live. */
  readonly heartbeatMs: number;
}

/** What a {@link HeldConnection} needs. */
export interface HeldConnectionOptions {
  readonly id: string;
  readonly visitor: Visitor;
  readonly definition: ConsumerDefinition;
  readonly frames: SharedFrames;
  readonly limits: HeldConnectionLimits;
  readonly rate: MessageRate;
  readonly losses: WebSocketLosses;
  readonly connections: OpenConnections;
  /** Told once, when it can be forgotten. */
  readonly onOver: () => void;
}

/** How the consumer has answered the client. */
export type ConnectionOpening =
  | { readonly kind: "accepted"; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** Somebody who is handed every frame. */
interface Follower {
  after: number;
  isReady: boolean;
  readonly take: TakeAnswer;
}

const GOING_AWAY = 1001;
const ABNORMAL = 1006;
const POLICY_VIOLATION = 1008;
const SLOW_CONSUMER = 1013;

/**
 * A consumer's connection that outlives the requests that carry it.
 *
 * | phase      | what is true                                            | left when                      |
 * | ---------- | ------------------------------------------------------- | ------------------------------ |
 * | connecting | `connect` runs, the first request waits                  | accepted, refused, or gone     |
 * | open       | what is sent is numbered, and kept for whoever reads     | closed, or unread for `resumeMs` |
 * | closed     | the session has ended; its last frames can still be read | `resumeMs` later               |
 * | over       | forgotten                                                | never                          |
 *
 * One reader at a time; a new one sends the one before it away. Bounds: `maxOutboxBytes` that nobody
 * has read (then the consumer's policy decides), and 256 KiB that were read and not acknowledged.
 */
export class HeldConnection implements ConnectionLink, ConnectionPort, OpenConnection {
  readonly isLocal = true;
  readonly id: string;
  readonly #options: HeldConnectionOptions;
  readonly #log: FrameLog;
  readonly #keyOf: ConflationKey | undefined;
  /** Made with the first message of the client: most only listen. */
  #intake: MessageIntake | undefined;
  readonly #opening = Promise.withResolvers<ConnectionOpening>();
  #phase: "connecting" | "open" | "closed" | "over" = "connecting";
  #session: ConsumerSession | undefined;
  #close: ConnectionClose | undefined;
  #reader: string | undefined;
  #waiting: Waiting | undefined;
  #follower: Follower | undefined;
  #isWaking = false;
  /** Ends the connection when nobody comes to read. */
  #unread: NodeJS.Timeout | undefined;

  constructor(options: HeldConnectionOptions) {
    const { id, definition, frames, limits, losses } = options;
    this.id = id;
    this.#options = options;
    this.#keyOf = conflationKey(definition.slowConsumer);
    this.#log = new FrameLog({
      frames,
      maxBytes: limits.maxOutboxBytes,
      policy: holdingPolicy(definition.slowConsumer),
      // A client that hears nothing for two heartbeats breaks off, and then comes back.
      keepMs: limits.resumeMs + 2 * limits.heartbeatMs,
      losses,
    });
  }

  get opening(): Promise<ConnectionOpening> {
    return this.#opening.promise;
  }

  /** Who made it. */
  get visitor(): Visitor {
    return this.#options.visitor;
  }

  /** Whether its client has missed nothing of the groups that it is in by now, as its cursor says. */
  get isRecovered(): boolean {
    return this.#session?.isRecovered === true;
  }

  /** Begins: runs the consumer's `connect`. */
  run(session: ConsumerSession): void {
    this.#session = session;
    void session.run();
  }

  /** Whether it may be gone on with by whoever asks now; if so, for as long as their credentials last. */
  welcomes({ place, user, validUntil }: Visitor): "yes" | "lost" | "forbidden" {
    const { visitor } = this.#options;
    if (this.#phase === "over" || place !== visitor.place) return "lost";
    if (user !== visitor.user) return "forbidden";
    if (validUntil !== undefined) this.#session?.extendTo(validUntil);
    return "yes";
  }

  /** The client is gone before it was answered, or was kept waiting for too long. */
  abandon(): void {
    this.#session?.onClose({ code: ABNORMAL, reason: "" });
    this.#finish();
  }

  /** Told when the session is over: what has not been handled never will be. */
  onSessionOver(): void {
    this.#intake?.close();
    if (this.#phase === "open") this.#end({ code: ABNORMAL, reason: "" });
  }

  // What the client's requests do.

  async read(request: ReadRequest): Promise<ReadAnswer> {
    if (this.#phase === "over") return { kind: "lost", reason: "connection-gone" };
    if (request.isFirst) this.#takeOver(request.reader);
    if (request.reader !== this.#reader) return { kind: "taken" };
    this.#stopExpecting();
    try {
      const { after, waitMs, signal } = request;
      if (request.isAcknowledged) this.#log.acknowledge(after);
      if (waitMs > 0 && !this.#close && !this.#log.hasAfter(after)) {
        await this.#wait(waitMs, signal);
        if (request.reader !== this.#reader) return { kind: "taken" };
      }
      return this.#answerAfter(after);
    } finally {
      if (request.reader === this.#reader) this.#expectReader();
    }
  }

  follow({ reader, after, isReady }: FollowRequest, take: TakeAnswer): Following {
    const follower: Follower = { after, isReady, take };
    if (reader !== this.#reader) take({ kind: "taken" });
    else {
      this.#follower = follower;
      this.#stopExpecting();
      this.#wakeForMore();
    }
    return {
      more: () => {
        follower.isReady = true;
        if (this.#follower === follower) this.#wakeForMore();
      },
      leave: () => {
        if (this.#follower !== follower) return;
        this.#follower = undefined;
        this.#expectReader();
      },
    };
  }

  async post(body: string, options: PostOptions = {}): Promise<PostAnswer> {
    if (this.#phase !== "open") return { kind: "lost" };
    return await (this.#intake ??= this.#createIntake()).post(body, options);
  }

  async end(): Promise<EndAnswer> {
    if (this.#phase !== "open") return "lost";
    this.#session?.onClose({ code: 1000, reason: "" });
    this.#end({ code: 1000, reason: "" });
    return "done";
  }

  // What the session does.

  accept({ headers = {} }: AcceptOptions): void {
    if (this.#phase !== "connecting") return;
    this.#phase = "open";
    this.#opening.resolve({ kind: "accepted", headers });
    this.#options.connections.add(this);
    this.#expectReader();
  }

  refuse(status: number, message: string): void {
    this.#opening.resolve({ kind: "refused", refusal: toRefusal(status, message) });
    this.#finish();
  }

  send(payload: Payload, positions?: string): void {
    if (this.#phase !== "open") return;
    const key = this.#keyOf?.(payload);
    const isPlain = key === undefined && positions === undefined;
    if (!this.#log.push(payload, isPlain ? undefined : { key, positions })) {
      this.#options.losses.tooSlow += 1;
      this.#log.clear();
      this.#hangUp({ code: SLOW_CONSUMER, reason: "too slow" });
    }
    this.#wake();
  }

  answer(id: MessageId | undefined, outcome: Outcome): void {
    this.#intake?.answer(id, outcome);
  }

  close(code: number, reason: string): void {
    this.#end({ code, reason });
  }

  /** A client that posts waits for what becomes of its messages, and has a bound of its own. */
  pause(): void {}

  resume(): void {}

  // What the server does.

  /** The end of a tick that brought something. */
  flush(): void {
    this.#isWaking = false;
    this.#waiting?.wake();
    if (this.#follower?.isReady) this.#hand(this.#follower);
  }

  beat(): void {
    this.#log.trim();
  }

  goAway(retryMs: number): void {
    this.#hangUp({ code: GOING_AWAY, reason: "server going away", retryMs });
    // At once: what carries it may be told to go in the same tick.
    if (this.#follower?.isReady) this.#hand(this.#follower);
  }

  destroy(): void {
    this.#hangUp({ code: GOING_AWAY, reason: "server going away" });
    this.#finish();
  }

  #createIntake(): MessageIntake {
    const { rate, limits, losses } = this.#options;
    return new MessageIntake({
      rate,
      maxBytes: limits.maxOutboxBytes,
      handle: (frame) => this.#session?.onMessage(frame),
      onFlood: () => {
        losses.tooFast += 1;
        this.#hangUp({ code: POLICY_VIOLATION, reason: "too many messages" });
      },
    });
  }

  #takeOver(reader: string): void {
    const follower = this.#follower;
    this.#reader = reader;
    this.#follower = undefined;
    follower?.take({ kind: "taken" });
    this.#waiting?.wake();
  }

  #answerAfter(after: number): ReadAnswer {
    const frames = this.#log.readAfter(after);
    if (!frames && this.#close) return { kind: "frames", frames: [], close: this.#close };
    if (!frames) return { kind: "lost", reason: "too-far" };
    const isAll = !this.#log.hasAfter(frames.at(-1)?.sequence ?? after);
    return { kind: "frames", frames, close: isAll ? this.#close : undefined };
  }

  /** Hands a follower what there is; the end of the connection and a loss are the last of it. */
  #hand(follower: Follower): void {
    const answer = this.#answerAfter(follower.after);
    const isLast = answer.kind !== "frames" || answer.close !== undefined;
    if (isLast) this.#follower = undefined;
    else follower.after = answer.frames.at(-1)?.sequence ?? follower.after;
    follower.isReady = follower.take(answer);
    if (isLast) this.#expectReader();
    else this.#wakeForMore();
  }

  /** Wakes who follows when there is something for them. */
  #wakeForMore(): void {
    const follower = this.#follower;
    if (follower && (this.#close || this.#log.hasAfter(follower.after))) this.#wake();
  }

  async #wait(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const waiting = new Waiting();
    this.#waiting = waiting;
    await waiting.over(waitMs, signal);
    if (this.#waiting === waiting) this.#waiting = undefined;
  }

  /** Wakes who waits at the end of the tick, so that one answer has all that the tick brings. */
  #wake(): void {
    if (this.#isWaking || !(this.#waiting ?? this.#follower?.isReady)) return;
    this.#isWaking = true;
    schedule(this);
  }

  /** From now on it is unread, until somebody comes. */
  #expectReader(): void {
    this.#stopExpecting();
    if (this.#phase !== "open" && this.#phase !== "closed") return;
    const { resumeMs } = this.#options.limits;
    this.#unread = setTimeout(() => this.#onUnread(), resumeMs).unref();
  }

  #stopExpecting(): void {
    clearTimeout(this.#unread);
    this.#unread = undefined;
  }

  #onUnread(): void {
    if (this.#phase === "open") this.#hangUp({ code: ABNORMAL, reason: "" });
    this.#finish();
  }

  /** Ends the session as if its client had closed the connection. */
  #hangUp(close: ConnectionClose): void {
    if (this.#phase !== "open") return;
    this.#end(close);
    this.#session?.onClose({ code: close.code, reason: close.reason });
  }

  #end(close: ConnectionClose): void {
    if (this.#phase !== "open") return;
    this.#phase = "closed";
    this.#close = close;
    this.#options.connections.remove(this);
    this.#expectReader();
    this.#wake();
  }

  #finish(): void {
    if (this.#phase === "over") return;
    this.#end({ code: ABNORMAL, reason: "" });
    this.#phase = "over";
    this.#stopExpecting();
    this.#log.clear();
    this.#waiting?.wake();
    if (this.#follower) this.#hand(this.#follower);
    this.#options.onOver();
  }
}
