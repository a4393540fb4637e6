import { randomBytes } from "node:crypto";

import { toError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { ChannelLayer, LayerMessage } from "../../layers/index.ts";
import { HomeWatch, type NoAnswer } from "./home-watch.ts";
import {
  homeGroup,
  readNumbers,
  readQuestion,
  readReply,
  RELAY_TYPE,
  type Question,
} from "./relay-message.ts";

/** What a {@link Relay} needs. */
export interface RelayOptions {
  readonly layer: ChannelLayer;
  readonly logger: Logger;
  /** Answers what another process asks; the signal fires when it does not want to know any more. */
  readonly answer: (
    question: Question,
    signal: AbortSignal,
  ) => Promise<Readonly<Record<string, unknown>>>;
}

/** What a process has answered, or why nothing: `cancelled` by who asked. */
export type Answer = LayerMessage | NoAnswer | "cancelled";

/** Fields of a question, beside those that every message of a relay has. */
export type QuestionFields = Readonly<Record<string, unknown>> & { readonly ask: string };

/**
 * How the processes behind one layer ask each other about the connections that live there.
 *
 * Each is alone in a group of its own, so any layer will do. A question waits for as long as it takes,
 * while the process that was asked shows that it lives and knows the question. A layer may lose what is
 * sent: whoever asks is told when the question or its answer was.
 */
export class Relay {
  /** The name of this process; the beginning of the ids of its connections. */
  readonly home: string = randomBytes(12).toString("base64url");
  readonly #options: RelayOptions;
  readonly #watch: HomeWatch;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  /** What is being answered, by who asked and their number. */
  readonly #answering = new Map<string, AbortController>();
  #started: Promise<void> | undefined;
  #stop: (() => void) | undefined;
  #lastNumber = 0;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#watch = new HomeWatch((home, numbers) =>
      this.#send(home, { ask: "ping", number: 0, numbers }),
    );
  }

  /** Listens for the other processes; settles when they can reach this one. */
  async start(): Promise<void> {
    this.#started ??= this.#listen().catch((thrown: unknown) => {
      this.#started = undefined;
      throw thrown;
    });
    await this.#started;
  }

  stop(): void {
    this.#stop?.();
    this.#watch.stop();
    for (const abort of this.#answering.values()) abort.abort();
    for (const resolve of this.#waiting.values()) resolve("dead");
    this.#waiting.clear();
  }

  /** Asks another process, and returns its answer, or why there is none. */
  async ask(home: string, fields: QuestionFields, signal?: AbortSignal): Promise<Answer> {
    await this.start();
    if (signal?.aborted) return "cancelled";
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(number, resolve);
    const unwatch = this.#watch.add(home, { number, onNoAnswer: resolve });
    const cancel = (): void => {
      resolve("cancelled");
      void this.#send(home, { ask: "cancel", number });
    };
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      await this.#send(home, { ...fields, number });
      return await promise;
    } finally {
      signal?.removeEventListener("abort", cancel);
      unwatch();
      this.#waiting.delete(number);
    }
  }

  async #listen(): Promise<void> {
    const { layer } = this.#options;
    const channel = await layer.newChannel("home");
    const unlisten = layer.listen(channel, (message) => this.#onMessage(message));
    try {
      await layer.groupAdd(homeGroup(this.home), channel);
    } catch (thrown) {
      unlisten();
      throw thrown;
    }
    this.#stop = unlisten;
  }

  #onMessage(message: LayerMessage): boolean {
    const reply = readReply(message);
    if (reply) {
      this.#watch.hear(reply.from, readNumbers(reply.fields["unknown"]));
      this.#waiting.get(reply.number)?.(reply.fields);
      return true;
    }
    const question = readQuestion(message);
    if (question) void this.#answer(question);
    return true;
  }

  async #answer(question: Question): Promise<void> {
    const { from, number, ask, fields: asked } = question;
    const key = `${from}.${number}`;
    if (ask === "cancel") return this.#answering.get(key)?.abort();
    if (ask === "ping") {
      const numbers = readNumbers(asked["numbers"]);
      const unknown = numbers.filter((each) => !this.#answering.has(`${from}.${each}`));
      return await this.#send(from, { kind: "pong", number, unknown });
    }
    const abort = new AbortController();
    this.#answering.set(key, abort);
    try {
      const fields = await this.#options.answer(question, abort.signal);
      if (!abort.signal.aborted) await this.#send(from, { ...fields, number });
    } finally {
      this.#answering.delete(key);
    }
  }

  /** Never throws: what does not arrive is noticed by who waits for the answer. */
  async #send(home: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const { layer, logger } = this.#options;
    try {
      await layer.groupSend(homeGroup(home), { ...fields, type: RELAY_TYPE, from: this.home });
    } catch (thrown) {
      logger.warn({ err: toError(thrown) }, "another process cannot be asked");
    }
  }
}
