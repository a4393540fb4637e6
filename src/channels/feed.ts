import { TidingsError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import {
  assertFunctions,
  assertKnownOptions,
  assertPositiveInteger,
  invalidOption,
  optionNames,
  showValue,
} from "../core/options.ts";
import { assertGroupName, type LayerMessage } from "../layers/index.ts";
import type { Forward } from "./forward.ts";
import { compilePath, type CompiledPath, type Params, type PathParams } from "./path.ts";
import type { Refresh } from "./refresh.ts";
import type { User } from "./user.ts";

/** What a feed's functions are told. They run once per process, not once per follower. */
export interface FeedContext<TParams = Params> {
  readonly params: TParams;
  /** Fires when nobody follows any more, or the server stops. */
  readonly signal: AbortSignal;
}

/** Who asks to follow a feed. */
export interface FeedRequest<TParams = Params> {
  readonly request: Request;
  readonly params: TParams;
  readonly user: User | null;
}

/** Something that happened, as a feed's generator yields it. */
export interface YieldedEvent<TData> {
  readonly data: TData;
}

/** What a feed does with a message of its group. */
export type FeedReaction = Forward<LayerMessage> | Refresh;

/** What a feed is made of: a snapshot with the live tail of a group, or a generator of events. */
export interface FeedOptions<TPath extends string, TData> {
  /** Where the feed is, with `:parameters`. */
  readonly path: TPath;
  /** The name of the layer that carries the group. @default "default" */
  readonly layer?: string | undefined;
  /** The group whose messages are the live tail. */
  readonly group?: string | ((params: PathParams<TPath>) => string) | undefined;
  /**
   * Goes on from the history of the group: cursors are good in every process, and after a restart.
   *
   * Send with `history`, as `app.groupSend(group, message, { history: true })`; what is sent without
   * reaches those who follow at that moment. @default false
   */
  readonly history?: boolean | undefined;
  /** Loads the state now: what a newcomer gets first. */
  readonly snapshot?:
    | ((context: FeedContext<PathParams<TPath>>) => TData | Promise<TData>)
    | undefined;
  /** What happens with the group's messages, by type. @default every message is forwarded */
  readonly on?: Readonly<Record<string, FeedReaction>> | undefined;
  /** Yields events for as long as somebody follows; a newcomer gets the latest one first. */
  readonly events?:
    | ((context: FeedContext<PathParams<TPath>>) => AsyncIterable<YieldedEvent<TData>>)
    | undefined;
  /**
   * Whether somebody may follow; asked at every request, also when they come back. What is neither true
   * nor false lets nobody in: it is logged, and answered with 500.
   */
  readonly authorize?:
    | ((request: FeedRequest<PathParams<TPath>>) => boolean | Promise<boolean>)
    | undefined;
  /** How many events are kept for those who come back. @default 100 */
  readonly keep?: number | undefined;
}

/** A feed, ready to be routed to. `types` exists for the compiler alone. */
export interface FeedDefinition<TData = unknown> {
  readonly kind: "feed";
  readonly path: CompiledPath;
  readonly keep: number;
  readonly layer: string;
  readonly group: ((params: Params) => string) | undefined;
  /** Whether its cursors are positions in the history of the group. */
  readonly history: boolean;
  readonly snapshot: ((context: FeedContext) => unknown) | undefined;
  readonly events: ((context: FeedContext) => AsyncIterable<YieldedEvent<unknown>>) | undefined;
  readonly on: ReadonlyMap<string, FeedReaction> | undefined;
  readonly authorize: ((request: FeedRequest) => boolean | Promise<boolean>) | undefined;
  readonly types?: { readonly data: TData };
}

const NAMES = optionNames<FeedOptions<string, unknown>>({
  path: true,
  layer: true,
  group: true,
  history: true,
  snapshot: true,
  on: true,
  events: true,
  authorize: true,
  keep: true,
});

/**
 * Defines a feed: one URL that a client may poll, long-poll, stream, or open as an event source or a
 * WebSocket, and hear the same events with the same cursors.
 *
 * @throws {TidingsError} ROUTE_INVALID for a bad path, APP_INVALID_DEFINITION when it has neither a
 *   snapshot nor events, or both, OPTION_INVALID for an option that nobody knows, or that is not what
 *   it must be, LAYER_INVALID_NAME for a `group` that no layer takes.
 */
export function feed<const TPath extends string, TData>(
  options: FeedOptions<TPath, TData>,
): FeedDefinition<TData> {
  const path = compilePath(options.path);
  assertKnownOptions(`feed \`${options.path}\``, options, NAMES);
  assertFunctions(`feed \`${options.path}\``, options, ["snapshot", "events", "authorize"]);
  const fail = (what: string): never => {
    throw new TidingsError("APP_INVALID_DEFINITION", `feed \`${options.path}\` ${what}`);
  };
  const group: unknown = options.group;
  if (group !== undefined && typeof group !== "string" && typeof group !== "function")
    fail(`has a \`group\` that is neither a string nor a function: ${showValue(group)}`);
  if (typeof group === "string") assertGroupName(group);
  if (options.on !== undefined) assertReactions(options.on);
  if (!options.snapshot === !options.events) fail("needs either `snapshot` or `events`");
  if (options.events && (options.group ?? options.on))
    fail("has `events`, so it can have no `group`");
  if (typeof (options.history ?? false) !== "boolean")
    fail("has a `history` that is neither true nor false: its bounds are given where one sends");
  if (options.history && !options.group) fail("has `history`, so it needs a `group`");
  if (options.on && !options.group) fail("reacts to messages (`on`), so it needs a `group`");
  return {
    kind: "feed",
    path,
    layer: options.layer ?? "default",
    history: options.history ?? false,
    keep: assertPositiveInteger("keep", options.keep ?? 100),
    ...eraseTypes(options),
  };
}

function assertReactions(on: unknown): void {
  if (!isRecord(on)) throw invalidOption("on", "an object", on);
  for (const [type, reaction] of Object.entries(on)) {
    const kind = isRecord(reaction) ? reaction["kind"] : undefined;
    if (kind === "refresh" || kind === "forward") continue;
    throw invalidOption(`on.${type}`, "`refresh()` or `forward()`", reaction);
  }
}

/** The one place where the parameters' names, known to the compiler from the path, are given up. */
function eraseTypes<TPath extends string, TData>(
  options: FeedOptions<TPath, TData>,
): Pick<FeedDefinition, "group" | "snapshot" | "events" | "on" | "authorize"> {
  const { group, snapshot, events, on, authorize } = options;
  const typed = <TContext extends { readonly params: Params }>(
    context: TContext,
  ): TContext & { readonly params: PathParams<TPath> } =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
    context as TContext & { readonly params: PathParams<TPath> };
  return {
    group:
      typeof group === "string"
        ? () => group
        : group && ((params) => group(typed({ params }).params)),
    snapshot: snapshot && ((context) => snapshot(typed(context))),
    events: events && ((context) => events(typed(context))),
    on: on && new Map(Object.entries(on)),
    authorize: authorize && ((request) => authorize(typed(request))),
  };
}
