import { toError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { LayerMessage } from "../layers/index.ts";
import type { FeedDefinition } from "./feed.ts";
import { toJsonValue } from "./json-value.ts";

/** What a message of its group is to a feed: an event, a change of its state, or nothing. */
export type FeedNews =
  | { readonly kind: "event"; readonly data: unknown }
  | { readonly kind: "change" }
  | { readonly kind: "nothing" };

/** What a feed makes of a message. Never throws: a mapping that does is logged, and makes nothing. */
export function toNews(
  definition: FeedDefinition,
  message: LayerMessage,
  logger: Logger,
): FeedNews {
  const reaction = definition.on ? definition.on.get(message.type) : FORWARD_AS_IT_IS;
  if (reaction?.kind === "refresh") return { kind: "change" };
  if (reaction?.kind !== "forward") return NOTHING;
  try {
    const data = toJsonValue(reaction.map ? reaction.map(message) : message);
    return data === undefined ? NOTHING : { kind: "event", data };
  } catch (thrown) {
    logger.error({ err: toError(thrown), feed: definition.path.path }, "message dropped");
    return NOTHING;
  }
}

const FORWARD_AS_IT_IS = { kind: "forward", map: undefined } as const;
const NOTHING: FeedNews = { kind: "nothing" };
