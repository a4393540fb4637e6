import type {
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
import { unpackEndAnswer, unpackPostAnswer, unpackReadAnswer } from "./relay-message.ts";
import type { Answer, QuestionFields, Relay } from "./relay.ts";

/** Who reads on asks again after this time, so that a reader whose process has died is noticed. */
const MAX_WAIT_MS = 15_000;

/** A layer that loses more than this is as good as away. */
const MAX_TRIES = 5;

/** A connection that lives in another process, which is asked for everything. */
export class RemoteConnection implements ConnectionLink {
  readonly isLocal = false;
  readonly #relay: Relay;
  readonly #home: string;
  readonly #about: Readonly<Record<string, unknown>>;

  constructor(
    relay: Relay,
    place: { readonly home: string; readonly id: string },
    visitor: Visitor,
  ) {
    this.#relay = relay;
    this.#home = place.home;
    this.#about = { id: place.id, visitor: { ...visitor } };
  }

  async read({ signal, ...request }: ReadRequest): Promise<ReadAnswer> {
    const waitMs = Math.min(request.waitMs, MAX_WAIT_MS);
    const question = { ask: "read", request: { ...request, waitMs } };
    const answer = await this.#askAgain(question, signal);
    // Who does not want to know any more has left it as it was.
    if (answer === "cancelled") return { kind: "frames", frames: [], close: undefined };
    if (typeof answer === "string") return { kind: "lost", reason: "connection-gone" };
    return unpackReadAnswer(answer);
  }

  follow({ reader, after, isReady }: FollowRequest, take: TakeAnswer): Following {
    const gone = new AbortController();
    const { signal } = gone;
    let ready = Promise.withResolvers<void>();
    if (isReady) ready.resolve();
    const run = async (): Promise<void> => {
      for (let place = after; ;) {
        await ready.promise;
        if (signal.aborted) return;
        const next = { reader, after: place, waitMs: Infinity, signal };
        const answer = await this.read({ ...next, isFirst: false, isAcknowledged: false });
        if (signal.aborted) return;
        if (answer.kind === "frames") place = answer.frames.at(-1)?.sequence ?? place;
        if (!take(answer)) ready = Promise.withResolvers();
        if (answer.kind !== "frames" || answer.close) return;
      }
    };
    void run().catch(() => void take({ kind: "lost", reason: "connection-gone" }));
    return {
      more: () => ready.resolve(),
      leave() {
        gone.abort();
        ready.resolve();
      },
    };
  }

  async post(body: string, { isPaced = false }: PostOptions = {}): Promise<PostAnswer> {
    const answer = await this.#ask({ ask: "post", body, isPaced });
    if (answer === "missed") return { kind: "unsure" };
    return typeof answer === "string" ? { kind: "lost" } : unpackPostAnswer(answer);
  }

  async end(): Promise<EndAnswer> {
    const answer = await this.#askAgain({ ask: "end" });
    return typeof answer === "string" ? "lost" : unpackEndAnswer(answer);
  }

  /** Asks again what was lost on the way, which does no harm. */
  async #askAgain(fields: QuestionFields, signal?: AbortSignal): Promise<Answer> {
    let answer = await this.#ask(fields, signal);
    for (let tries = 1; answer === "missed" && tries < MAX_TRIES; tries++) {
      answer = await this.#ask(fields, signal);
    }
    return answer;
  }

  async #ask(fields: QuestionFields, signal?: AbortSignal): Promise<Answer> {
    return await this.#relay.ask(this.#home, { ...this.#about, ...fields }, signal);
  }
}
