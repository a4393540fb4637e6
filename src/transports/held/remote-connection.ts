import type { LayerMessage } from "../../layers/index.ts";
import type {
  ConnectionLink,
  EndAnswer,
  PostAnswer,
  PostOptions,
  ReadAnswer,
  ReadRequest,
  Visitor,
} from "./connection-link.ts";
import { unpackEndAnswer, unpackPostAnswer, unpackReadAnswer } from "./relay-message.ts";
import type { QuestionFields, Relay } from "./relay.ts";

/** Who reads on asks again after this time, so that a reader whose process has died is noticed. */
const MAX_WAIT_MS = 15_000;

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
    const reply = await this.#ask({ ask: "read", request: { ...request, waitMs } }, signal);
    // Who does not want to know any more has left it as it was.
    if (!reply && signal?.aborted) return { kind: "frames", frames: [], close: undefined };
    return reply ? unpackReadAnswer(reply) : { kind: "lost", reason: "connection-gone" };
  }

  async post(body: string, { isPaced = false }: PostOptions = {}): Promise<PostAnswer> {
    const reply = await this.#ask({ ask: "post", body, isPaced });
    return reply ? unpackPostAnswer(reply) : { kind: "lost" };
  }

  async end(): Promise<EndAnswer> {
    const reply = await this.#ask({ ask: "end" });
    return reply ? unpackEndAnswer(reply) : "lost";
  }

  async #ask(fields: QuestionFields, signal?: AbortSignal): Promise<LayerMessage | undefined> {
    return await this.#relay.ask(this.#home, { ...this.#about, ...fields }, signal);
  }
}
