import { TidingsError, toError } from "../core/errors.ts";
import type { MessageProblem, ServerEnvelope } from "../protocol/index.ts";
import type { Closing } from "./status.ts";

/** More messages than this without an answer are refused: as many as a server remembers. */
const MAX_UNANSWERED = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** Well below what a server takes in one piece, unless a single message is larger. */
const MAX_BATCH_BYTES = 64 * 1024;
const MAX_BATCH = 500;
const NOT_SENT = "the message was not sent";

/** A message on its way. */
export interface OutgoingMessage {
  /** Its own within the page, so that a server knows one that comes again. */
  readonly id: number;
  /** JSON, or a binary message. */
  readonly data: string | Uint8Array<ArrayBuffer>;
  /** Whether its reply is wanted, not only that it was handled. */
  readonly isQuestion: boolean;
  /** Says what became of it. */
  readonly settle: (error: Error | undefined, reply?: unknown) => void;
}

/** Takes messages to the server, or to the network; settles when it takes more. */
export type Carrier = (messages: readonly OutgoingMessage[]) => Promise<void>;

interface Entry extends OutgoingMessage {
  isSent: boolean;
}

/**
 * The messages of a client, in order, until the server has said what became of them.
 *
 * | a message is | what is true                           | left when                                   |
 * | ------------ | -------------------------------------- | ------------------------------------------- |
 * | waiting      | no carrier has taken it yet            | one does: sent                              |
 * | sent         | the server may have it                 | it answers: settled; the line breaks and the same connection is carried on: waiting; another one is: settled, with CLIENT_CLOSED |
 * | settled      | its promise has the outcome            | never                                       |
 *
 * Each is settled with CLIENT_TIMEOUT when its time is over. Bounds: `maxWaiting` while nothing carries
 * them, 1,000 and 4 MiB in all.
 */
export class Outgoing {
  readonly #maxWaiting: number;
  readonly #entries = new Map<number, Entry>();
  #carrier: Carrier | undefined;
  #isCarrying = false;
  #bytes = 0;
  #lastId = 0;
  /** Why it is over for good, when it is. */
  #closing: Closing | undefined;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Sends a message behind those before it; settles with its reply, or with what was wrong.
   *
   * @throws {TidingsError} CLIENT_OVERLOADED at a bound, CLIENT_TIMEOUT, and what it is settled with.
   */
  async add(
    data: OutgoingMessage["data"],
    isQuestion: boolean,
    timeoutMs: number,
  ): Promise<unknown> {
    if (this.#closing) throw closed(this.#closing, NOT_SENT);
    const max = this.#carrier ? MAX_UNANSWERED : this.#maxWaiting;
    const waiting = [...this.#entries.values()].filter(({ isSent }) => this.#carrier ?? !isSent);
    if (waiting.length >= max || this.#bytes > MAX_BYTES) {
      throw new TidingsError(
        "CLIENT_OVERLOADED",
        `expected at most ${max} messages to wait, and ${MAX_BYTES} bytes`,
      );
    }
    return await new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      const entry: Entry = {
        id,
        data,
        isQuestion,
        isSent: false,
        settle: (error, reply) => {
          if (!this.#entries.delete(id)) return;
          clearTimeout(timer);
          this.#bytes -= data.length;
          if (error) reject(error);
          else resolve(reply);
        },
      };
      const timer = setTimeout(() => {
        const what = entry.isSent ? "the server has not answered" : "it could not be sent";
        entry.settle(new TidingsError("CLIENT_TIMEOUT", `${what} within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#entries.set(id, entry);
      this.#bytes += data.length;
      void this.#carry();
    });
  }

  /** From now on this carries the messages: of the same connection as the one before, or of another. */
  begin(carrier: Carrier, isSame: boolean): void {
    if (!isSame) this.failSent();
    for (const entry of this.#entries.values()) entry.isSent = false;
    this.#carrier = carrier;
    this.#isCarrying = false;
    void this.#carry();
  }

  /** Nothing carries the messages for now. */
  pause(): void {
    this.#carrier = undefined;
  }

  /** Takes what the server says of a message. */
  answer({ ack, data, error }: ServerEnvelope): void {
    this.#entries.get(Number(ack))?.settle(error && toRefusal(error), data);
  }

  /** The connection is gone: nobody can say any more what became of those that were sent. */
  failSent(closing: Closing = {}): void {
    for (const entry of this.#entries.values()) {
      if (entry.isSent) entry.settle(closed(closing, "the server may have the message"));
    }
  }

  /** The server has refused a message for its size: it was the largest. */
  failLargest(): void {
    let largest: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.isSent && entry.data.length > (largest?.data.length ?? 0)) largest = entry;
    }
    largest?.settle(new TidingsError("MESSAGE_TOO_LARGE", "the server takes no message so large"));
  }

  /** It is over for good: what is sent from now on is told why, too. */
  close(closing: Closing): void {
    this.pause();
    this.#closing = closing;
    this.failSent(closing);
    for (const entry of this.#entries.values()) entry.settle(closed(closing, NOT_SENT));
  }

  async #carry(): Promise<void> {
    const carrier = this.#carrier;
    if (!carrier || this.#isCarrying) return;
    this.#isCarrying = true;
    for (;;) {
      const batch = this.#nextBatch();
      if (batch.length === 0) break;
      try {
        await carrier(batch);
      } catch (thrown) {
        for (const entry of batch) entry.settle(toError(thrown));
      }
      if (this.#carrier !== carrier) return;
    }
    this.#isCarrying = false;
  }

  #nextBatch(): readonly Entry[] {
    const batch: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#entries.values()) {
      if (entry.isSent) continue;
      bytes += entry.data.length;
      if (batch.length === MAX_BATCH || (batch.length > 0 && bytes > MAX_BATCH_BYTES)) break;
      entry.isSent = true;
      batch.push(entry);
    }
    return batch;
  }
}

/** A message as the server takes it. */
export function toEnvelope({ id, data }: OutgoingMessage): string {
  if (typeof data === "string") return `{"id":${id},"data":${data}}`;
  return `{"id":${id},"bytes":"${btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(""))}"}`;
}

function closed({ code, reason }: Closing, what: string): TidingsError {
  const why = ["the connection is closed", code, reason].filter(Boolean).join(": ");
  return new TidingsError("CLIENT_CLOSED", `${why}; ${what}`);
}

/** The cause has what the server said, with its own code and the complaints of the schema. */
function toRefusal(problem: MessageProblem): TidingsError {
  const code = problem.code === "REQUEST_FAILED" ? "REQUEST_FAILED" : "MESSAGE_INVALID";
  return new TidingsError(code, problem.message, { cause: problem });
}
