import type { ClientFrame, Outcome } from "../../channels/index.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { MessageId } from "../../protocol/index.ts";
import { formatAnswer } from "../consumer-envelope.ts";
import type { Allowance, MessageRate, Throttled } from "../message-rate.ts";
import type { PostAnswer, PostOptions } from "./connection-link.ts";
import { MessageAnswers } from "./message-answers.ts";
import {
  MAX_MESSAGES,
  readMessageFrame,
  readPostedMessages,
  type PostedMessage,
} from "./posted-messages.ts";

/** How many WebSockets, one after the other, may leave behind as much as may wait of one. */
const MAX_COMEBACKS = 4;

/** What a {@link MessageIntake} needs. */
export interface MessageIntakeOptions {
  readonly rate: MessageRate;
  /** How many bytes may wait to be handled. */
  readonly maxBytes: number;
  /** Hands a message to the session, which then tells of it by its id. */
  readonly handle: (frame: ClientFrame) => void;
  /** Called when far too many messages have come. */
  readonly onFlood: () => void;
}

/**
 * What a client says to a connection: handed to its session, each message once, and answered.
 *
 * Bounds: 1,000 messages that are not handled yet, and `maxBytes` of those that were posted; four times
 * that of those that came over WebSockets.
 */
export class MessageIntake implements Throttled {
  readonly #options: MessageIntakeOptions;
  readonly #answers = new MessageAnswers();
  /** Those who wait for what becomes of a message, by the number that the session knows it by. */
  readonly #pending = new Map<MessageId, (outcome: Outcome) => void>();
  #lastNumber = 0;
  #waitingBytes = 0;
  #allowance: Allowance | undefined;
  #isThrottled = false;
  #isClosed = false;

  constructor(options: MessageIntakeOptions) {
    this.#options = options;
  }

  async post(body: string, { isPaced = false }: PostOptions): Promise<PostAnswer> {
    return isPaced ? await this.#takeFrame(body) : await this.#takePost(body);
  }

  /** Takes the body of a POST, which may bring much at once. */
  async #takePost(body: string): Promise<PostAnswer> {
    const messages = readPostedMessages(body);
    if (!messages) return { kind: "malformed" };
    const waitingBytes = this.#waitingBytes;
    const isFull =
      this.#pending.size + messages.length > MAX_MESSAGES ||
      // One alone is taken, however large it is.
      (waitingBytes > 0 && waitingBytes + body.length > this.#options.maxBytes);
    if (isFull || this.#isThrottled) return { kind: "busy" };
    if (!this.#count(messages.length)) return { kind: "lost" };
    return await this.#takeAll(messages, body.length);
  }

  /** Takes a frame of a WebSocket, which sends no more than may wait: only those who come back often find no room. */
  async #takeFrame(text: string): Promise<PostAnswer> {
    const message = readMessageFrame(text);
    if (!message) return { kind: "malformed" };
    const isFull =
      this.#pending.size >= MAX_MESSAGES ||
      this.#waitingBytes > this.#options.maxBytes * MAX_COMEBACKS;
    return isFull ? { kind: "busy" } : await this.#takeAll([message], text.length);
  }

  async #takeAll(messages: readonly PostedMessage[], bytes: number): Promise<PostAnswer> {
    this.#waitingBytes += bytes;
    const answers = await Promise.all(messages.map((message) => this.#take(message)));
    this.#waitingBytes -= bytes;
    return { kind: "answers", answers: answers.filter((text) => text !== "") };
  }

  /** Takes what the session tells of a message. */
  answer(number: MessageId | undefined, outcome: Outcome): void {
    if (number === undefined) return;
    this.#pending.get(number)?.(outcome);
    this.#pending.delete(number);
  }

  /** The session is over: what has not been handled never will be. */
  close(): void {
    this.#isClosed = true;
    this.#options.rate.forget(this);
    for (const resolve of this.#pending.values()) resolve(CLOSED);
    this.#pending.clear();
  }

  resumeReading(): void {
    this.#isThrottled = false;
  }

  /** Hands a message over, unless it came before; returns what to tell of it, if anything. */
  async #take({ id, content }: PostedMessage): Promise<string> {
    let answer = id === undefined ? undefined : this.#answers.get(id);
    if (!answer) {
      answer = this.#handle(content);
      if (id !== undefined) this.#answers.add(id, answer);
    }
    const outcome = await answer;
    return id === undefined && !("problem" in outcome) ? "" : formatAnswer(id, outcome);
  }

  async #handle(content: ClientFrame): Promise<Outcome> {
    if (this.#isClosed) return CLOSED;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#lastNumber += 1;
    this.#pending.set(this.#lastNumber, resolve);
    this.#options.handle({ ...content, id: this.#lastNumber });
    return await promise;
  }

  /** Counts messages; `false` when they are far too many. */
  #count(messages: number): boolean {
    const { rate, onFlood } = this.#options;
    this.#allowance ??= rate.start();
    for (let counted = 0; counted < messages; counted++) {
      const verdict = rate.count(this, this.#allowance);
      if (verdict === "pause") this.#isThrottled = true;
      if (verdict !== "close") continue;
      onFlood();
      return false;
    }
    return true;
  }
}

const CODE: ErrorCode = "CHANNEL_CLOSED";
const CLOSED: Outcome = {
  problem: { code: CODE, message: "the connection is closed", issues: [] },
};
