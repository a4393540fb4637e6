import {
  feed,
  forward,
  refresh,
  type FeedDefinition,
  type FeedRequest,
  type PathParams,
} from "../channels/index.ts";
import { assertKnownOptions, invalidOption, optionNames } from "../core/options.ts";
import type { LayerMessage } from "../layers/index.ts";
import { MAX_LISTED, type Attendance, type Member } from "./presence-store.ts";
import { toPresenceGroup, type Presence } from "./presence.ts";

/** What a {@link presenceFeed} tells: who is there, then what changes. Of a large group, only the count. */
export type PresenceEvent =
  | ({ readonly kind: "state" } & Attendance)
  | {
      readonly kind: "joined" | "updated" | "left";
      readonly member: Member;
      readonly count: number;
    }
  | { readonly kind: "count"; readonly count: number };

/** Which group a feed of presence is about, and who may follow it. */
export interface PresenceFeedOptions<TPath extends string> {
  /** Where the feed is, with `:parameters`. */
  readonly path: TPath;
  readonly group: string | ((params: PathParams<TPath>) => string);
  readonly authorize?:
    | ((request: FeedRequest<PathParams<TPath>>) => boolean | Promise<boolean>)
    | undefined;
}

const NAMES = optionNames<PresenceFeedOptions<string>>({
  path: true,
  group: true,
  authorize: true,
});

/**
 * A feed of who is in a group, for a page to show.
 *
 * The state may tell of a change before the change itself comes: joining twice is joining once. Of a large
 * group only the count is told, until it is small again: then comes a new state.
 */
export function presenceFeed<const TPath extends string>(
  app: { readonly presence: Presence },
  options: PresenceFeedOptions<TPath>,
): FeedDefinition<PresenceEvent> {
  assertKnownOptions("a presence feed", options, NAMES);
  const { path, group, authorize } = options;
  if (typeof group !== "string" && typeof group !== "function")
    throw invalidOption("group", "a string or a function", group);
  const groupOf = (params: PathParams<TPath>): string =>
    typeof group === "string" ? group : group(params);
  return feed<TPath, PresenceEvent>({
    path,
    authorize,
    group: (params) => toPresenceGroup(groupOf(params)),
    snapshot: async ({ params }) => ({
      kind: "state",
      ...(await app.presence.read(groupOf(params))),
    }),
    on: { "presence.changed": forward(toEvent), "presence.listed": refresh() },
  });
}

function toEvent({ kind, count, member }: LayerMessage): PresenceEvent {
  const now = Number(count);
  if (now > MAX_LISTED) return { kind: "count", count: now };
  const changed: Member = JSON.parse(typeof member === "string" ? member : "{}");
  return {
    kind: kind === "left" || kind === "updated" ? kind : "joined",
    member: changed,
    count: now,
  };
}
