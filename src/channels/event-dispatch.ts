import type { Logger } from "../core/logger.ts";
import { SchemaError, validateSync } from "../core/schema.ts";
import type { LayerMessage } from "../layers/index.ts";
import { readCloseMessage } from "./close-message.ts";
import type { Payload } from "./connection-port.ts";
import type { Connection } from "./connection.ts";
import type { EventHandler } from "./consumer-options.ts";
import type { ConsumerDefinition } from "./consumer.ts";
import { toJsonValue } from "./json-value.ts";

/** An event as a consumer takes it: ready to be sent as it is, or for its handler. */
export type Reaction =
  | { readonly kind: "send"; readonly payload: Payload }
  | {
      readonly kind: "handle";
      readonly event: LayerMessage;
      readonly handler: (connection: Connection, event: LayerMessage) => unknown;
    }
  | { readonly kind: "close"; readonly code: number; readonly reason: string }
  | { readonly kind: "ignore" };

const IGNORE: Reaction = { kind: "ignore" };

/**
 * Decides what a consumer does with a group's message, once per process and message.
 *
 * The members of a group are handed the same frozen message, one right after the other, so what was
 * decided for the first of them, its check against the schema and its JSON included, holds for all.
 */
export class EventDispatch {
  readonly #definition: ConsumerDefinition;
  readonly #logger: Logger;
  // One remembered message is enough, and a look-up per member would be a tenth of all the work.
  #lastMessage: LayerMessage | undefined;
  #lastReaction: Reaction = IGNORE;

  constructor(definition: ConsumerDefinition, logger: Logger) {
    this.#definition = definition;
    this.#logger = logger;
  }

  reactionTo(message: LayerMessage): Reaction {
    if (message !== this.#lastMessage) {
      this.#lastReaction = this.#decide(message);
      this.#lastMessage = message;
    }
    return this.#lastReaction;
  }

  #decide(message: LayerMessage): Reaction {
    const { handlers, path } = this.#definition;
    const handler = handlers.on.get(message.type);
    if (!handler) {
      const closing = readCloseMessage(message);
      if (closing) return { kind: "close", ...closing };
      this.#logger.warn({ consumer: path.path, type: message.type }, "event without a handler");
      return IGNORE;
    }
    try {
      const schema = handlers.events[message.type];
      const fields = schema && validateSync(schema, message, `event \`${message.type}\``);
      const event: LayerMessage =
        typeof fields === "object" ? { ...fields, type: message.type } : message;
      return react(handler, event);
    } catch (thrown) {
      const issues = thrown instanceof SchemaError ? thrown.issues : undefined;
      this.#logger.error({ err: thrown, issues, consumer: path.path }, "event dropped");
      return IGNORE;
    }
  }
}

function react(handler: EventHandler<Connection, LayerMessage>, event: LayerMessage): Reaction {
  if (typeof handler === "function") return { kind: "handle", event, handler };
  const { type, ...fields } = event;
  const data = handler.map ? handler.map(event) : { type, ...fields };
  if (data === undefined) return IGNORE;
  return { kind: "send", payload: { json: JSON.stringify(toJsonValue(data)) } };
}
