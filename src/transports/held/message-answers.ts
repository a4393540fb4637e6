import type { Outcome } from "../../channels/index.ts";
import type { MessageId } from "../../protocol/index.ts";

/** Messages whose ids are remembered; what came before may be repeated and is handled again. */
const MAX_IDS = 1_000;
/** What their answers may hold together. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * What became of the last messages of a client, so that one which comes again is not handled again.
 *
 * Bounds: 1,000 ids, and 1 MiB of answers; the oldest that have been answered go first.
 */
export class MessageAnswers {
  readonly #answers = new Map<MessageId, Promise<Outcome>>();
  readonly #sizes = new Map<MessageId, number>();
  #bytes = 0;

  /** The answer to a message that came before, as soon as there is one. */
  get(id: MessageId): Promise<Outcome> | undefined {
    return this.#answers.get(id);
  }

  /** Remembers the answer to a message. */
  add(id: MessageId, answer: Promise<Outcome>): void {
    this.#answers.set(id, answer);
    void answer.then((outcome) => this.#onAnswer(id, outcome));
  }

  #onAnswer(id: MessageId, outcome: Outcome): void {
    const size = "json" in outcome ? (outcome.json?.length ?? 0) : outcome.problem.message.length;
    this.#sizes.set(id, size);
    this.#bytes += size;
    for (const [oldest, oldestSize] of this.#sizes) {
      if (this.#sizes.size <= MAX_IDS && this.#bytes <= MAX_ANSWER_BYTES) break;
      this.#sizes.delete(oldest);
      this.#answers.delete(oldest);
      this.#bytes -= oldestSize;
    }
  }
}
