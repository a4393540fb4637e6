import assert from "node:assert/strict";

import type {
  AcceptOptions,
  ClientFrame,
  ConnectionPort,
  ConsumerSession,
  Content,
  Disconnect,
  Outcome,
  Note,
  Payload,
} from "../channels/index.ts";
import type { MessageId } from "../protocol/index.ts";

/** How a consumer answered a handshake. */
export type Opening =
  | ({ readonly accepted: true } & AcceptOptions)
  | { readonly accepted: false; readonly status: number; readonly message: string };

/** How long to wait. */
export interface WaitOptions {
  /** In milliseconds. @default 1_000; 50 for `receiveNothing` */
  readonly withinMs?: number | undefined;
}

/**
 * A client of a consumer in this process, without a socket.
 *
 * The consumer runs as it does behind a server, in the same engine. What it sends waits here to be
 * received; whoever waits too long gets an AssertionError that says what had come instead.
 */
export class TestConnection implements AsyncDisposable {
  readonly #port: TestPort;
  readonly #session: ConsumerSession;
  #lastId = 0;

  private constructor(port: TestPort, session: ConsumerSession) {
    this.#port = port;
    this.#session = session;
    // What a middleware has refused never runs.
    if (!port.isRefused) void session.run();
  }

  /** Connects; settles when the consumer has accepted or refused. */
  static async open(
    makeSession: (port: ConnectionPort) => ConsumerSession,
  ): Promise<TestConnection> {
    const port = new TestPort();
    const connection = new TestConnection(port, makeSession(port));
    await port.opening;
    return connection;
  }

  /** How the consumer answered the handshake. */
  get opening(): Promise<Opening> {
    return this.#port.opening;
  }

  /** How the connection ended; only the server's closes count, not {@link disconnect}. */
  get closed(): Promise<Disconnect> {
    return this.#port.closed;
  }

  /** Where the client is in the histories of its groups; another one comes back with it. */
  get cursor(): string | undefined {
    return this.#port.cursor;
  }

  /** Why what was missed could not be told, each time. */
  get resets(): readonly Note["reset"][] {
    return this.#port.resets;
  }

  /** The name under which `layer.send` reaches the connection. */
  get channelName(): string {
    return this.#session.channelName;
  }

  /** Sends JSON. */
  send(data: unknown): void {
    this.#session.onMessage({ text: JSON.stringify(data) });
  }

  sendText(text: string): void {
    this.#session.onMessage({ text });
  }

  sendBytes(bytes: Uint8Array): void {
    this.#session.onMessage({ bytes });
  }

  /** Sends JSON and returns the reply; rejects with an AssertionError when it was refused. */
  async request(data: unknown, { withinMs = 1_000 }: WaitOptions = {}): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = this.#port.answerTo(id);
    const frame: ClientFrame = { data: JSON.parse(JSON.stringify(data)), id };
    this.#session.onMessage(frame);
    const outcome = await within(answer, withinMs);
    if ("problem" in outcome) assert.fail(`${outcome.problem.code}: ${outcome.problem.message}`);
    return outcome.json === undefined ? undefined : JSON.parse(outcome.json);
  }

  /** The next message, which must be JSON. */
  async receive(options: WaitOptions = {}): Promise<unknown> {
    const payload = await this.#take(options);
    if ("json" in payload) return JSON.parse(payload.json);
    return assert.fail(
      "text" in payload ? "expected JSON, got a text" : "expected JSON, got bytes",
    );
  }

  /** The next message as text, be it JSON or not. */
  async receiveText(options: WaitOptions = {}): Promise<string> {
    const payload = await this.#take(options);
    if ("bytes" in payload) assert.fail("expected a text, got bytes");
    return "json" in payload ? payload.json : payload.text;
  }

  /** The next message, which must be binary. */
  async receiveBytes(options: WaitOptions = {}): Promise<Uint8Array> {
    const payload = await this.#take(options);
    return "bytes" in payload ? payload.bytes : assert.fail("expected bytes, got a text");
  }

  /** Waits, and fails when anything comes. */
  async receiveNothing({ withinMs = 50 }: WaitOptions = {}): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, withinMs));
    assert.equal(this.#port.waiting.length, 0, `expected nothing, got ${this.#port.describe()}`);
  }

  /** Leaves as a client does, and waits until `disconnect` has run. */
  async disconnect(code = 1000, reason = ""): Promise<void> {
    this.#session.onClose({ code, reason });
    if (!this.#port.isRefused) await this.#session.whenOver();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect(1001);
  }

  async #take({ withinMs = 1_000 }: WaitOptions): Promise<Content> {
    return await this.#port.take(withinMs);
  }
}

/** The place of a transport: keeps what the consumer says. */
class TestPort implements ConnectionPort {
  readonly waiting: Content[] = [];
  readonly resets: Note["reset"][] = [];
  cursor: string | undefined;
  isRefused = false;
  readonly #opening = Promise.withResolvers<Opening>();
  readonly #closed = Promise.withResolvers<Disconnect>();
  readonly #answers = new Map<MessageId, (outcome: Outcome) => void>();
  #onMessage: (() => void) | undefined;

  get opening(): Promise<Opening> {
    return this.#opening.promise;
  }

  get closed(): Promise<Disconnect> {
    return this.#closed.promise;
  }

  accept(options: AcceptOptions): void {
    this.#opening.resolve({ accepted: true, ...options });
  }

  refuse(status: number, message: string): void {
    this.isRefused = true;
    this.#opening.resolve({ accepted: false, status, message });
  }

  send(payload: Payload, positions?: string): void {
    if (positions !== undefined) this.cursor = positions;
    if ("reset" in payload) {
      if (payload.reset) this.resets.push(payload.reset);
      return;
    }
    this.waiting.push(payload);
    this.#onMessage?.();
  }

  answer(id: MessageId | undefined, outcome: Outcome): void {
    if (id !== undefined) this.#answers.get(id)?.(outcome);
    else if ("problem" in outcome) {
      this.send({ json: JSON.stringify({ type: "error", ...outcome.problem }) });
    }
  }

  close(code: number, reason: string): void {
    this.#closed.resolve({ code, reason });
  }

  pause(): void {}

  resume(): void {}

  async answerTo(id: MessageId): Promise<Outcome> {
    return await new Promise((resolve) => this.#answers.set(id, resolve));
  }

  /** Takes the next message; when none comes in time, the next one is left for whoever asks later. */
  async take(withinMs: number): Promise<Content> {
    const limit = Date.now() + withinMs;
    for (let next = this.waiting.shift(); ; next = this.waiting.shift()) {
      if (next) return next;
      const leftMs = limit - Date.now();
      if (leftMs <= 0) assert.fail(`expected a message, none came within ${withinMs} ms`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onMessage = resolve;
      const timer = setTimeout(resolve, leftMs);
      await promise;
      clearTimeout(timer);
    }
  }

  describe(): string {
    return this.waiting.map((payload) => JSON.stringify(payload)).join(", ");
  }
}

async function within(answer: Promise<Outcome>, ms: number): Promise<Outcome> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new assert.AssertionError({ message: `expected an answer, none came within ${ms} ms` }));
  }, ms);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
