import { TidingsError } from "../core/errors.ts";
import type { MessageId, MessageProblem } from "../protocol/index.ts";

/** More questions than this at the same time are refused. */
const MAX_PENDING = 1_000;

interface Pending {
  resolve(data: unknown): void;
  reject(error: Error): void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Messages that wait for what the server says of them. Bound: 1,000, each for its time. */
export class PendingAnswers {
  readonly #pending = new Map<MessageId, Pending>();
  #lastId = 0;

  /** Sends a message under an id of its own; settles with its reply, or with what was wrong. */
  async ask(send: (id: number) => void, timeoutMs: number): Promise<unknown> {
    if (this.#pending.size >= MAX_PENDING) {
      throw new TidingsError(
        "CLIENT_OVERLOADED",
        `expected at most ${MAX_PENDING} messages to wait for their answers`,
      );
    }
    const id = ++this.#lastId;
    return await new Promise((resolve, reject) => {
      send(id); // what it throws rejects
      const timer = setTimeout(() => {
        this.#take(id)?.reject(
          new TidingsError("CLIENT_TIMEOUT", `the server has not answered within ${timeoutMs} ms`),
        );
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
    });
  }

  answer(id: MessageId, data: unknown, problem: MessageProblem | undefined): void {
    const pending = this.#take(id);
    if (problem) pending?.reject(toError(problem));
    else pending?.resolve(data);
  }

  /** The connection is gone: nobody can say any more what became of them. */
  failAll(): void {
    for (const id of this.#pending.keys()) {
      this.#take(id)?.reject(
        new TidingsError(
          "CLIENT_CLOSED",
          "the connection broke before the answer came; the server may have the message",
        ),
      );
    }
  }

  #take(id: MessageId): Pending | undefined {
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    return pending;
  }
}

/** The cause has what the server said, with its own code and the complaints of the schema. */
function toError(problem: MessageProblem): TidingsError {
  const code = problem.code === "REQUEST_FAILED" ? "REQUEST_FAILED" : "MESSAGE_INVALID";
  return new TidingsError(code, problem.message, { cause: problem });
}
