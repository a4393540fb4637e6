import type { StandardSchemaV1 } from "@standard-schema/spec";

import { TidingsError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import {
  assertFunctions,
  assertKnownOptions,
  assertTexts,
  invalidOption,
  optionNames,
} from "../core/options.ts";
import { toHistoryBounds, type HistoryBounds } from "../history/index.ts";
import type { LayerMessage } from "../layers/index.ts";
import { assertSchemas, assertSchemasByType, isStandardSchema } from "./assert-schemas.ts";
import type { Connection, Disconnect } from "./connection.ts";
import type {
  ConsumerConnection,
  ConsumerOptions,
  EventHandler,
  EventOf,
  MessageInput,
  MessageSchemas,
  NoEvents,
  NoMessages,
  Replies,
  SchemasByType,
  SlowConsumerPolicy,
} from "./consumer-options.ts";
import { compilePath, type CompiledPath } from "./path.ts";
import { toSlowConsumerPolicy } from "./slow-consumer-policy.ts";

/** A consumer, ready to be routed to. `types` exists for the compiler alone. */
export interface ConsumerDefinition<TReceives = unknown, TEvents = unknown, TReplies = unknown> {
  readonly kind: "consumer";
  readonly path: CompiledPath;
  /** The name of the layer that carries its groups. */
  readonly layer: string;
  /** Whether its groups have a history, unless a call says otherwise. */
  readonly history: boolean | HistoryBounds;
  readonly subprotocols: readonly string[];
  readonly onError: "close" | "keep";
  readonly slowConsumer: SlowConsumerPolicy;
  readonly handlers: ConsumerHandlers;
  readonly types?: {
    readonly receives: TReceives;
    readonly events: TEvents;
    readonly replies: TReplies;
  };
}

/** One kind of message that clients may send. */
export interface MessageKind {
  readonly schema: StandardSchemaV1;
  readonly reply: StandardSchemaV1 | undefined;
  readonly handle: (connection: Connection, message: unknown) => unknown;
}

/** The kinds of messages: one for all of them, or one for each `type`. */
export type MessageKinds = MessageKind | ReadonlyMap<string, MessageKind>;

/** The handlers of a consumer with their types erased, as the engine calls them. */
export interface ConsumerHandlers {
  readonly messages: MessageKinds | undefined;
  readonly events: SchemasByType;
  state(): unknown;
  connect(connection: Connection): unknown;
  readonly receiveText: ((connection: Connection, text: string) => unknown) | undefined;
  readonly receiveBytes: ((connection: Connection, bytes: Uint8Array) => unknown) | undefined;
  disconnect(connection: Connection, disconnect: Disconnect): unknown;
  readonly on: ReadonlyMap<string, EventHandler<Connection, LayerMessage>>;
}

const FUNCTIONS = ["state", "connect", "receiveText", "receiveBytes", "disconnect"];
const NAMES = optionNames<ConsumerOptions<string, NoMessages, undefined, SchemasByType, unknown>>({
  path: true,
  layer: true,
  history: true,
  subprotocols: true,
  receives: true,
  replies: true,
  events: true,
  state: true,
  connect: true,
  receive: true,
  receiveText: true,
  receiveBytes: true,
  on: true,
  disconnect: true,
  onError: true,
  slowConsumer: true,
});

/**
 * Defines a consumer: what one kind of connection does, whatever carries it.
 *
 * @throws {TidingsError} ROUTE_INVALID for a bad path, APP_INVALID_DEFINITION when a handler has no
 *   schema or a schema no handler, OPTION_INVALID for the bounds of its history, or an option that
 *   nobody knows or that is not what it must be.
 * @see https://channels.readthedocs.io/en/latest/topics/consumers.html
 */
export function consumer<
  const TPath extends string,
  TReceives extends MessageSchemas = NoMessages,
  TReplies extends MessageSchemas | undefined = undefined,
  const TEvents extends SchemasByType = NoEvents,
  TState = undefined,
>(
  options: ConsumerOptions<TPath, TReceives, TReplies, TEvents, TState>,
): ConsumerDefinition<MessageInput<TReceives>, EventOf<TEvents>, Replies<TReplies>> {
  const path = compilePath(options.path);
  assertKnownOptions(`consumer \`${options.path}\``, options, NAMES);
  assertSchemas("receives", options.receives);
  assertSchemas("replies", options.replies);
  if (options.events !== undefined) assertSchemasByType("events", options.events);
  if (options.on !== undefined) assertHandlers(options.on);
  if (options.subprotocols !== undefined) assertTexts("subprotocols", options.subprotocols);
  const functions = isStandardSchema(options.receives) ? [...FUNCTIONS, "receive"] : FUNCTIONS;
  assertFunctions(`consumer \`${options.path}\``, options, functions);
  for (const type of Object.keys(options.on ?? {})) {
    if (options.events && Object.hasOwn(options.events, type)) continue;
    throw invalid(path, `handles \`${type}\`, which its \`events\` do not declare`);
  }
  if (options.receiveText && (options.receives ?? options.receive)) {
    throw invalid(path, "has `receiveText`, which takes every text: it can have no `receives`");
  }
  return {
    kind: "consumer",
    path,
    layer: options.layer ?? "default",
    history: toHistory(options.history),
    subprotocols: options.subprotocols ?? [],
    onError: toOnError(options.onError),
    slowConsumer: toSlowConsumerPolicy(options.slowConsumer),
    handlers: eraseTypes(options, path),
  };
}

function toOnError(onError: "close" | "keep" = "close"): "close" | "keep" {
  const given: unknown = onError;
  if (given === "close" || given === "keep") return onError;
  throw invalidOption("onError", '"close" or "keep"', given);
}

function assertHandlers(on: unknown): void {
  if (!isRecord(on)) throw invalidOption("on", "an object", on);
  for (const [type, handler] of Object.entries(on)) {
    if (handler === undefined || typeof handler === "function") continue;
    if (isRecord(handler) && handler["kind"] === "forward") continue;
    throw invalidOption(`on.${type}`, "a function or `forward()`", handler);
  }
}

function toHistory(history: boolean | HistoryBounds = false): boolean | HistoryBounds {
  return typeof history === "boolean" ? history : toHistoryBounds(history);
}

/**
 * The one place where the types that `consumer` has checked are given up.
 *
 * A connection of the engine has the params, state and events of its own consumer by construction.
 */
function eraseTypes<
  TPath extends string,
  TReceives extends MessageSchemas,
  TReplies extends MessageSchemas | undefined,
  TEvents extends SchemasByType,
  TState,
>(
  options: ConsumerOptions<TPath, TReceives, TReplies, TEvents, TState>,
  path: CompiledPath,
): ConsumerHandlers {
  const typed = (connection: Connection): ConsumerConnection<TPath, TEvents, TState> =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
    connection as unknown as ConsumerConnection<TPath, TEvents, TState>;
  const on = new Map<string, EventHandler<Connection, LayerMessage>>();
  for (const [type, handler] of Object.entries(options.on ?? {})) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
    if (handler) on.set(type, handler as EventHandler<Connection, LayerMessage>);
  }
  const { receiveText, receiveBytes } = options;
  return {
    messages: toMessageKinds(options, path),
    events: options.events ?? {},
    state: () => options.state?.(),
    connect: (connection) => options.connect?.(typed(connection)),
    receiveText: receiveText && ((connection, text) => receiveText(typed(connection), text)),
    receiveBytes: receiveBytes && ((connection, bytes) => receiveBytes(typed(connection), bytes)),
    disconnect: (connection, disconnect) => options.disconnect?.(typed(connection), disconnect),
    on,
  };
}

/** What `receives`, `replies` and `receive` say together, whatever their types were. */
interface UntypedMessages {
  readonly receives?: MessageSchemas | undefined;
  readonly replies?: MessageSchemas | undefined;
  readonly receive?: unknown;
}

function toMessageKinds(
  { receives, replies, receive }: UntypedMessages,
  path: CompiledPath,
): MessageKinds | undefined {
  if (!receives) {
    if (receive === undefined) return undefined;
    throw invalid(path, "has `receive`, so it needs the schemas of `receives`");
  }
  if (isSchema(receives)) {
    if (replies && !isSchema(replies)) throw invalid(path, "needs one schema in `replies`");
    return { schema: receives, reply: replies, handle: toHandler(receive) ?? (() => undefined) };
  }
  const handlers: object = typeof receive === "object" && receive !== null ? receive : {};
  const kinds = new Map<string, MessageKind>();
  for (const [type, schema] of Object.entries(receives)) {
    const handle = toHandler(Reflect.get(handlers, type));
    if (!handle) throw invalid(path, `receives \`${type}\`, for which \`receive\` has no handler`);
    const reply = replies && !isSchema(replies) ? replies[type] : undefined;
    kinds.set(type, { schema, reply, handle });
  }
  return kinds;
}

function toHandler(value: unknown): MessageKind["handle"] | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `consumer` has checked its type
  return typeof value === "function" ? (value as MessageKind["handle"]) : undefined;
}

function isSchema(schemas: MessageSchemas): schemas is StandardSchemaV1 {
  return "~standard" in schemas;
}

function invalid({ path }: CompiledPath, what: string): TidingsError {
  return new TidingsError("APP_INVALID_DEFINITION", `consumer \`${path}\` ${what}`);
}
